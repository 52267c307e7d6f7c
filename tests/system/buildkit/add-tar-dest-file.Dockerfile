FROM busybox
RUN echo x > /dest
ADD arch.tar /dest
