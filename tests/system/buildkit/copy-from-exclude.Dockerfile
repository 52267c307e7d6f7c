FROM busybox AS b
RUN mkdir -p /s/x /s/y && touch /s/x/1.txt /s/y/2.md /s/3.txt
FROM scratch
COPY --from=b --exclude=**/*.txt /s /d
COPY --from=b --parents --exclude=y /s/./x /s/./3.txt /p/
