FROM busybox
RUN echo a \
# comment one
  # comment two
  && echo b > /b
