FROM busybox
WORKDIR /w
COPY one.txt ./
COPY one.txt .
COPY two.txt sub/
COPY app ./
COPY app/main.py x
