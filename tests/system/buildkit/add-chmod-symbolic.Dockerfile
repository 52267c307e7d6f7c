FROM scratch
ADD --chmod=u=rwx,go= one.txt /a
