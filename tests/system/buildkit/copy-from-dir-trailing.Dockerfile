FROM busybox AS b
RUN mkdir -p /o/a/b && touch /o/a/b/c /o/a/.hidden && chmod 700 /o/a
FROM scratch
COPY --from=b /o/a/ /x/
COPY --from=b /o/a /y
COPY --from=b /o/a/. /z
COPY --from=b /o/*/b /w/
