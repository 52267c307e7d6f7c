FROM busybox AS build
RUN mkdir -p /out/sub && echo a > /out/a && echo b > /out/sub/b && chown -R 11:12 /out && chmod 751 /out/sub && ln -s a /out/l && ln /out/a /out/hard
FROM scratch
COPY --from=build /out /x
COPY --from=0 /out/a /y
COPY --from=build --chown=1:2 /out/sub /z/
COPY --from=build /out/l /followed
COPY --from=build /out/* /w/
COPY --from=busybox /bin/busybox /bb
