ARG IMAGE=busybox
ARG STAGE=first
FROM ${IMAGE} AS first
RUN echo 1 > /1
FROM ${STAGE}
RUN echo 2 > /2
