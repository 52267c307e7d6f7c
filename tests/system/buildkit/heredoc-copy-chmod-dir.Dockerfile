FROM scratch
COPY --chmod=600 <<EOF /x/
body
EOF
