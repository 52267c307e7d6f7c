FROM scratch
ENV V=value
COPY <<EOF /a
hello $V "quoted" 'single' \$V
EOF
COPY <<'EOF' /b
raw $V
EOF
COPY <<-EOF /c/
	tabbed
		twice
EOF
COPY <<one <<two one.txt /d/
1
one
2
two
COPY --chmod=755 --chown=1:2 <<x.sh /bin/
#!/bin/sh
x.sh
