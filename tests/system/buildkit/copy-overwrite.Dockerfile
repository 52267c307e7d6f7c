FROM busybox
RUN echo old > /one.txt && chmod 600 /one.txt && chown 5:5 /one.txt
COPY one.txt /one.txt
COPY two.txt /one.txt
