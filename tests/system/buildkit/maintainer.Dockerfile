FROM busybox
MAINTAINER me
LABEL org.opencontainers.image.authors=me
