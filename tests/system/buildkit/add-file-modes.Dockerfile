FROM scratch
COPY modes /m
