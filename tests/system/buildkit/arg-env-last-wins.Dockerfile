FROM busybox
ENV A=env
ARG A=arg
LABEL a=$A
RUN echo $A > /a
ARG B=arg
ENV B=env
LABEL b=$B
RUN echo $B > /b
