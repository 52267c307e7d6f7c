FROM busybox
COPY --link one.txt /etc/linked/
COPY --link --chown=3:4 app /app
COPY --link=false one.txt /notlinked
COPY --link --chmod=700 one.txt /modded
