FROM busybox
RUN mkdir -p /d/e && echo 1 > /d/e/f && echo 2 > /d/g && ln -s g /d/l
RUN rm /d/g && rm -r /d/e && mkdir /d/e && echo 3 > /d/e/h
RUN chmod 700 /d && chown 3:4 /d/e/h
RUN rm -rf /d/l && mkdir /d/l
RUN touch /etc/passwd
RUN mkfifo /fifo && mknod /null c 1 3 && ln /d/e/h /hard
