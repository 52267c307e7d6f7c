FROM scratch
COPY ../one.txt app/../two.txt /x/
