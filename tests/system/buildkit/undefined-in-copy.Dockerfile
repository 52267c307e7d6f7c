FROM scratch
COPY one.txt /x$UNDEF/
