# escape=`
FROM scratch
ENV A=c:\x B=`$A
COPY one.txt `
  /x
