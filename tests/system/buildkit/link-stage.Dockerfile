FROM busybox AS b
RUN mkdir /o && echo 1 > /o/f && chown 7:7 /o/f
FROM busybox
COPY --link --from=b /o /o
COPY --link --from=b --chown=8:8 /o/f /p/
