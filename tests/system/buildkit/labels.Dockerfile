FROM scratch
LABEL one=1 "two words"="a b" three='x y'
LABEL legacy some value here
LABEL multi="line1 \
  line2"
