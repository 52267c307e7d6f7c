FROM busybox
RUN --mount=type=secret,id=absent ls -a /run/secrets > /a 2>&1 || true
RUN --mount=type=secret,id=token,env=TOKEN test -z "$TOKEN" && echo unset > /b
