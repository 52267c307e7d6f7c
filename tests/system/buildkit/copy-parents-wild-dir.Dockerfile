FROM scratch
COPY --parents app/s*b /a/
COPY --parents app/**/deep.txt /b/
COPY --parents ./app/./sub/deep.txt /c/
COPY --parents /app/sub /d
