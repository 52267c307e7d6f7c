FROM busybox AS a
RUN echo a > /a
FROM busybox AS b
RUN echo b > /b
FROM scratch AS unused
COPY missing /x
FROM a AS final
COPY --from=b /b /b
