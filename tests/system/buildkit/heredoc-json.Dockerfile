FROM scratch
COPY <<EOF /a.json
{"a": "$A", "b": "\$B", "c": "\\n"}
EOF
