FROM scratch
CMD echo "a  b"   'c'
ENTRYPOINT   exec   top -b
