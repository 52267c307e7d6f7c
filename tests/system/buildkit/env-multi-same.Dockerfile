FROM busybox
ENV PATH=$PATH:/extra
ENV PATH /first:$PATH
RUN echo $PATH > /p
