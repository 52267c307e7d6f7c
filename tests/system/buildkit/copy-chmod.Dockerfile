FROM scratch
COPY --chmod=755 one.txt /a
COPY --chmod=0640 app /b
COPY --chmod=4711 one.txt /c/d/
COPY --chmod=u=rwX,go=rX app /e
COPY --chmod=+x one.txt /f
COPY --chmod=go-r,u+s one.txt /g/h
COPY --chmod=a=r,u+w one.txt /i
COPY --chmod=g=u one.txt /j
