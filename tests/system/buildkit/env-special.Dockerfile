FROM scratch
ENV A=a=b=c B=--flag C="x#y" D=x#y
ENV E="multi \
line"
