FROM busybox
RUN --mount=type=cache,target=/cache,id=one echo x > /cache/x && ls /cache > /a
RUN --mount=type=cache,target=/other,id=one ls /other > /b
RUN --mount=type=cache,target=/c/d/e,uid=5,gid=6,mode=0700 stat -c '%u %g %a' /c/d/e > /c.txt
