FROM busybox
ENV FOO=bar
ARG BAZ=qux
RUN env | grep -v -e HOSTNAME -e OTEL -e TRACE | sort > /env
USER 1000
RUN env | grep -v -e HOSTNAME -e OTEL -e TRACE | sort > /tmp/env
