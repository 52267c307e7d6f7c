FROM busybox AS src
RUN mkdir /data && echo from-stage > /data/f
FROM busybox
RUN --mount=type=bind,target=/ctx cat /ctx/one.txt > /a && ls -ln /ctx > /ls
RUN --mount=type=bind,source=app,target=/ctx,rw touch /ctx/new && ls /ctx > /b
RUN --mount=from=src,source=/data,target=/mnt cat /mnt/f > /c
RUN --mount=type=bind,source=one.txt,target=/one cat /one > /d
RUN --mount=type=bind,from=src,target=/m,rw echo x > /m/data/f && cat /m/data/f > /e
WORKDIR /w
RUN --mount=target=rel,source=app ls rel > /f
