FROM busybox
USER 1000
RUN echo $HOME > /tmp/home
ENV HOME=/custom
RUN echo $HOME > /tmp/home2
