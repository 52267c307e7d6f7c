FROM scratch
ENV U=5
USER $U:${G:-6}
