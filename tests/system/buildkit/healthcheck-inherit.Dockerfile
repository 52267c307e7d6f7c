FROM busybox AS base
HEALTHCHECK --interval=5s CMD one
FROM base
HEALTHCHECK NONE
