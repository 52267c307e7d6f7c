FROM busybox
RUN mkdir /data && echo before > /data/x
VOLUME /data
RUN echo after > /data/y
COPY one.txt /data/
