FROM scratch
COPY on*.txt /single
