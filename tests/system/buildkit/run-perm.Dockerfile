FROM busybox
RUN umask 077 && mkdir /u && touch /u/f
RUN chmod -R a+rX /u
RUN chmod +t /u && chmod g+s /u
