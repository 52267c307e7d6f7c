FROM scratch AS a
COPY one.txt /a
FROM scratch AS b
COPY two.txt /b
