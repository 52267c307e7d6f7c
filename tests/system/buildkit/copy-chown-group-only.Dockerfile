FROM busybox
COPY --chown=:8 one.txt /f
