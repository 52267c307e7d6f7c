FROM busybox
ADD --link arch.tar /etc/sub
ADD --link one.txt /etc/
