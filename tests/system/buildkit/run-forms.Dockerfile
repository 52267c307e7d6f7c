FROM busybox
RUN echo shell > /a
RUN ["/bin/sh", "-c", "echo exec > /b"]
RUN echo one && \
    # a comment
    echo two > /c
RUN <<EOF
echo heredoc > /d
echo more >> /d
EOF
RUN <<-EOF
	echo tabs > /e
EOF
RUN sh -s > /f <<'EOF'
echo piped $HOME
EOF
RUN cat <<one > /g && cat <<two >> /g
first
one
second
two
