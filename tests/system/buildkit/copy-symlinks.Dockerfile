FROM scratch
COPY links /l
COPY links/to-file /followed
COPY links/to-dir /dirfollowed
COPY links/to-dir/deep.txt /through
