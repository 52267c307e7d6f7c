FROM busybox
ENV BASE=/srv
WORKDIR $BASE/app
WORKDIR "with space"
RUN pwd > /pwd
COPY one.txt .
