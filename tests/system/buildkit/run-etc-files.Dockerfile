FROM busybox
RUN cat /etc/hosts > /dev/null && echo nameserver 1.1.1.1 > /dev/null
RUN mkdir -p /etc/sub && echo x > /etc/sub/y
