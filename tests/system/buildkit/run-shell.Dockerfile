FROM busybox
SHELL ["/bin/ash", "-e", "-c"]
RUN echo $0 > /a
CMD echo x
ENTRYPOINT echo y
