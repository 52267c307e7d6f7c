FROM busybox
ENV X=5
RUN ["sh", "-c", "echo $X > /x"]
RUN ["/bin/busybox", "touch", "/$X"]
