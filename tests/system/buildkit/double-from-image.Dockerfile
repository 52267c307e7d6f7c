FROM busybox
RUN echo 1 > /1
FROM busybox
RUN echo 2 > /2
