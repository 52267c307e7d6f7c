FROM scratch
ENV D=/a/
COPY one.txt ${D}
