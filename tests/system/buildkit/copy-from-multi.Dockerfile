FROM busybox AS a
RUN echo x > /only
FROM scratch
COPY --from=a /only /etc/passwd /
