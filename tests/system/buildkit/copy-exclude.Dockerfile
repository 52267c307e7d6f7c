FROM scratch
COPY --exclude=*.txt . /a
COPY --exclude=**/*.txt . /b
COPY --exclude=sub app /c
COPY --exclude=**/*.txt --exclude=!app/sub/deep.txt . /d
COPY --exclude=*.txt *.txt app /e/
COPY --exclude=one.txt one.txt two.txt /f/
COPY --exclude=app . /g
