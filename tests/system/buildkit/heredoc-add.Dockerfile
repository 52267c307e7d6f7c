FROM scratch
ADD <<EOF /x/y
added
EOF
