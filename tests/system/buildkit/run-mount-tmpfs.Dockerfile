FROM busybox
RUN --mount=type=tmpfs,target=/t,size=1m echo x > /t/x && df /t | tail -1 | awk '{print $2}' > /size
