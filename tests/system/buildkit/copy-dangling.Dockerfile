FROM scratch
COPY links/* /globbed/
