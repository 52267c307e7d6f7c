FROM busybox
RUN mkdir -p /x/one.txt
COPY one.txt /x/
