FROM scratch
COPY /one.txt /app/main.py /x/
