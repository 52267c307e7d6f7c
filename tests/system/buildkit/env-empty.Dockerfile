FROM scratch
ENV A= B="" C
LABEL d= e=""
