FROM scratch
LABEL a="1" \
      b="2" \
      c="3"
COPY one.txt \
     two.txt \
     /x/
