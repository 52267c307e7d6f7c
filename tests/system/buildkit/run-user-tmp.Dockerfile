FROM busybox
RUN mkdir -m 1777 /scratch
USER 1000:1000
RUN echo x > /scratch/x && mkdir /scratch/d
