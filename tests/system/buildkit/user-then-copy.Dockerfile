FROM busybox
RUN echo 'app:x:1000:1001::/home/app:/bin/sh' >> /etc/passwd && echo 'app:x:1001:' >> /etc/group
USER app
COPY one.txt /home/app/
COPY --chown=app:app two.txt /home/app/new/
WORKDIR /home/app/dir
RUN touch made && mkdir -p a/b
