FROM busybox AS b
RUN mkdir /s && mkfifo /s/fifo && mknod /s/null c 1 3 && chmod 4755 /bin/busybox
FROM scratch
COPY --from=b /s /s
