FROM scratch
COPY *.txt /dest
