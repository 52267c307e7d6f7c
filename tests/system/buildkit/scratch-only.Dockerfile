FROM scratch
ENV X=1
