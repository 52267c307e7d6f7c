FROM scratch
VOLUME ["/a b", "/c"]
VOLUME /d
VOLUME /d /e
