FROM busybox
RUN mkdir /a && echo x > /a/x && echo y > /y
RUN rm -rf /a && echo file > /a && rm /y && mkdir /y && echo z > /y/z
RUN rm /a && ln -s /y /a
