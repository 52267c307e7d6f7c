FROM busybox
WORKDIR /w
COPY app .
COPY one.txt ./x/../y
