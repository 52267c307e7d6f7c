FROM busybox
SHELL ["/bin/ash", "-c"]
HEALTHCHECK --timeout=3s CMD test -f /x || exit 1
