FROM scratch
COPY app /app
COPY app/ /slash/
COPY app/sub /x/y/z
COPY . /all
