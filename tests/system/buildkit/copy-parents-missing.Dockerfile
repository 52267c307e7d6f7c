FROM scratch
COPY --parents app/nothing /p/
