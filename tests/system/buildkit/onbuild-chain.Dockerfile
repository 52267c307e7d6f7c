FROM busybox AS a
ONBUILD RUN echo a > /a
FROM a AS b
ONBUILD RUN echo b > /b
FROM b AS c
