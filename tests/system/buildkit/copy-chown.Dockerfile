FROM busybox
RUN echo 'app:x:1000:1001::/home/app:/bin/sh' >> /etc/passwd && echo 'app:x:1001:' >> /etc/group && echo 'staff:x:50:' >> /etc/group
COPY --chown=app app /a
COPY --chown=app:staff one.txt /b/c/
COPY --chown=7 one.txt /d
COPY --chown=7:8 one.txt /e
