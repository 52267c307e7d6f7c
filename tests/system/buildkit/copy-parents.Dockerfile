FROM scratch
COPY --parents app/sub/deep.txt /p/
COPY --parents app/./sub /q/
COPY --parents **/*.py /r/
COPY --parents ./app/main.py ./one.txt /s/
COPY --parents ap*/sub/ /t/
COPY --parents --chown=3:4 --chmod=700 app/sub /u/
