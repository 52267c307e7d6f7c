# a comment

FROM scratch
  # indented
LABEL a=1 \
# inside
  b=2 \

  c=3
