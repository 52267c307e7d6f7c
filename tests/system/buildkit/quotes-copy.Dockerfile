FROM scratch
COPY "one.txt" '/quo ted/'
ENV D="/var dir"
COPY one.txt "$D/"
COPY ["one.txt","two.txt","/json dir/"]
