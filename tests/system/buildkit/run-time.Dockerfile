FROM busybox
RUN touch -d '2020-01-02 03:04:05' /t && mkdir /d && touch -d '2020-01-01 00:00:00' /d
