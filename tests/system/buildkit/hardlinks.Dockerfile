FROM scratch
COPY hard /h
COPY hard/one hard/two /apart/
