FROM busybox
COPY --chown=7: one.txt /f
