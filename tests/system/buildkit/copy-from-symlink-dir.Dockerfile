FROM busybox AS b
RUN mkdir -p /real/d && echo x > /real/d/f && ln -s /real /ln && ln -s d /real/dl && ln -s ../../etc/passwd /real/d/up
FROM scratch
COPY --from=b /ln/d /a
COPY --from=b /ln/dl/f /b
COPY --from=b /real /c
COPY --from=b /ln /e
