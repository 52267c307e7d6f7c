FROM busybox
RUN echo 'a:x:7:8::/a:/bin/sh' >> /etc/passwd && echo 'b:x:9:a' >> /etc/group && echo 'c:x:10:a' >> /etc/group
USER a
RUN id > /tmp/1
USER a:b
RUN id > /tmp/2
USER 7
RUN id > /tmp/3
USER 7:c
RUN id > /tmp/4
