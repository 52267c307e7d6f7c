FROM busybox
RUN mkdir -m 700 /w && chown 3:4 /w
WORKDIR /w
COPY one.txt .
