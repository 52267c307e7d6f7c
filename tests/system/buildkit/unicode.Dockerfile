FROM busybox
ENV NAME=Grüße
RUN echo "☃ $NAME" > /ünï
LABEL "ключ"="значение"
