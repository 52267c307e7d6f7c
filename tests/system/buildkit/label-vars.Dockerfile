FROM scratch
ENV N=name V=val
LABEL $N=$V "${N}2"="${V}2" three=$N$V
