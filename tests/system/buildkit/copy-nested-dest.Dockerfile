FROM busybox
COPY one.txt /bin/new/deeper/
COPY one.txt two.txt /bin/
