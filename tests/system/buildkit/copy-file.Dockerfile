FROM scratch
COPY one.txt /
COPY one.txt /renamed
COPY one.txt /dir/
COPY one.txt two.txt /both/
COPY ["sp ace.txt", "/quoted/"]
