FROM busybox
RUN <<A cat > /a && cat > /b <<B
from a
A
from b
B
