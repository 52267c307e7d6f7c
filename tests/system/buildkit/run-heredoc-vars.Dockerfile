FROM busybox
ENV V=env
RUN <<EOF
V2=local
echo $V $V2 "$V" '$V' > /a
EOF
RUN <<"EOF"
echo $V > /b
EOF
