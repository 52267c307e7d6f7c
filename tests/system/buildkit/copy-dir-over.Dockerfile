FROM busybox
RUN mkdir -m 700 /app && mkdir -m 711 /app/sub && chown 5:6 /app /app/sub
COPY app /app
