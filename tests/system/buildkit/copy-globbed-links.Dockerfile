FROM scratch
COPY links/to-* links/f* /globbed/
