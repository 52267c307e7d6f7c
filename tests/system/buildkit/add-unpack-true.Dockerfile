FROM scratch
ADD --unpack=true arch.tar.gz /a/
ADD --unpack=true one.txt /b/
