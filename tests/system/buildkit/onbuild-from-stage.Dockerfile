FROM busybox AS lib
RUN echo lib > /lib.txt
FROM busybox AS base
ONBUILD COPY --from=lib /lib.txt /from-lib
FROM base
