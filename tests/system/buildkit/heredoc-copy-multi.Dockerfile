FROM scratch
COPY <<a.txt <<"b.txt" /d/
$NOTHING a
a.txt
$NOTHING b
b.txt
