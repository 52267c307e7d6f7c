FROM scratch
COPY app links/dir /d/
