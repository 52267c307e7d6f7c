FROM busybox
RUN mkdir -p /x/y && chmod 700 /x && echo a > /x/y/f
COPY --link one.txt /x/y/f
COPY --link app /x/y
