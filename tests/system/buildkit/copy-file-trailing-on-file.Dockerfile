FROM busybox
RUN echo x > /file
COPY one.txt /file/
