FROM busybox AS base
ONBUILD ENV A=1
ONBUILD COPY one.txt /onbuild/
ONBUILD RUN echo triggered > /t
FROM base
LABEL after=1
