FROM scratch
ENV A=1 B="two words" C=three\ words
ENV D $A and $B
ENV E=${A:-x} F=${Z:-x} G=${Z:+x} H=${A:+x} A=9 I=$A
ENV J='$A' K="\$A" L=\$A M="a\"b"
