FROM scratch
COPY [[]weird].txt /a
