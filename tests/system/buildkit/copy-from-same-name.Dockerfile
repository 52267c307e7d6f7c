FROM busybox AS one
RUN echo 1 > /f
FROM busybox AS two
COPY --from=one /f /f
RUN echo 2 >> /f
FROM two
COPY --from=one /f /g
