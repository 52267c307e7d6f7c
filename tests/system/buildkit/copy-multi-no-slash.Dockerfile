FROM scratch
COPY one.txt two.txt /dest
