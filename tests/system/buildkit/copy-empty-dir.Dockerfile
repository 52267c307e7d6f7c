FROM scratch
COPY emptydir /e
COPY emptydir /f/
