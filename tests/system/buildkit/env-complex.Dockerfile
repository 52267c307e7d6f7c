FROM scratch
ENV A="a b" B='c d' C=e\ f D="$A $B" E=${A}${B} F=\"quoted\" G="back\\slash"
ENV H=$$ I=\$A J="\$A" K='\$A'
