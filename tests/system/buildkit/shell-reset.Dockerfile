FROM busybox
SHELL ["/bin/sh", "-xc"]
RUN echo 1 > /1
SHELL ["/bin/sh", "-c"]
RUN echo 2 > /2
CMD x
