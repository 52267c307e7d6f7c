FROM scratch
COPY --chmod=700 one.txt /a/b/c/
COPY --chmod=u+x one.txt /d/e/f/
