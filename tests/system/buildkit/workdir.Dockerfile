FROM busybox
WORKDIR /a/b
WORKDIR c
WORKDIR ../d
RUN pwd > /pwd
WORKDIR /
WORKDIR /etc
