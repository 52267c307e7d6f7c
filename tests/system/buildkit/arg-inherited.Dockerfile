FROM busybox AS one
ARG X=1
RUN echo $X > /one
FROM one
RUN echo $X > /two
LABEL x=$X
