FROM scratch
LABEL a=1
LABEL a=2 b=3
LABEL "c d"=4
