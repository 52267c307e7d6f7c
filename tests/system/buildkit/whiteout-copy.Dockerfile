FROM busybox
COPY app /app
RUN rm -r /app/sub && rm /app/main.py
COPY one.txt /app/sub
