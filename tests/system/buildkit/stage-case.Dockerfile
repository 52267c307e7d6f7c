FROM scratch AS Build
COPY one.txt /x
FROM build
COPY --from=BUILD /x /y
