FROM scratch
ONBUILD COPY . /x
ONBUILD RUN ["a", "b"]
