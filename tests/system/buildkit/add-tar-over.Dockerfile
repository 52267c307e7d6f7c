FROM busybox
RUN mkdir -p /a/top && chmod 700 /a/top && ln -s /a/top /s && echo old > /a/top/file
ADD arch.tar /a
ADD arch.tar /s
