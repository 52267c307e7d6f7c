FROM scratch
ENV SRC=one DST=/dst EXT=txt
COPY ${SRC}.${EXT} ${DST}/${SRC}-copy
COPY $SRC.* $DST/
