FROM busybox
RUN mkdir -p /x/y && touch /x/y/1 /x/y/2
RUN rm -rf /x && mkdir /x && touch /x/z
