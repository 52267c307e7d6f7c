FROM scratch
ENV P=/usr/local/lib/x.tar.gz
ENV A=${P#*/} B=${P##*/} C=${P%.*} D=${P%%.*} E=${P/usr/opt} F=${P//\//-}
