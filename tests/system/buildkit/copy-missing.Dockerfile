FROM scratch
COPY nothing.here /x
