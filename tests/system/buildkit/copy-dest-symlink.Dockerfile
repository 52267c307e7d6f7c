FROM busybox
RUN mkdir /real && ln -s /real /link && echo x > /target && ln -s /target /filelink && ln -s /nowhere /dangling
COPY one.txt /link/
COPY one.txt /filelink
COPY app /link/app
COPY two.txt /dangling
