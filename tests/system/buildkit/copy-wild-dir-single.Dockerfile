FROM scratch
COPY ap* /d
