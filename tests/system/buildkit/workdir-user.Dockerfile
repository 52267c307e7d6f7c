FROM busybox
RUN echo 'app:x:1000:1001::/home/app:/bin/sh' >> /etc/passwd && echo 'app:x:1001:' >> /etc/group
USER app
WORKDIR /home/app/work
RUN id > id.txt && echo $HOME >> id.txt
