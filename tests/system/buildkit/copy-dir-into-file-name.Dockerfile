FROM busybox
RUN echo x > /file
COPY app /file
