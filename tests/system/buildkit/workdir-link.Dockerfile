FROM busybox
RUN mkdir -p /real && ln -s /real /link
WORKDIR /link/deep
COPY one.txt .
