FROM busybox
USER 1234
WORKDIR /w
RUN id > id.txt
WORKDIR /w2
USER 1234:55
RUN id > /w/id2.txt
