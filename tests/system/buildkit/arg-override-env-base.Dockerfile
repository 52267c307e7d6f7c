FROM busybox AS base
ENV V=base
FROM base
ARG V=child
RUN echo $V > /v
ENV W=$V
