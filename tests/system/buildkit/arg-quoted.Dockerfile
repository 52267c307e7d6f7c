FROM scratch
ARG A="quoted value" B='single $X'
LABEL a=$A b=$B
