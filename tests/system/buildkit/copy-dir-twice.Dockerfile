FROM scratch
COPY app /d
COPY links/dir /d
COPY app/sub /d/sub
