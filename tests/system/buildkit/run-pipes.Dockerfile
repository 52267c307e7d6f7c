FROM busybox
RUN echo "a#b" > /a && echo 'it''s' > /b && printf '%s\n' "x  y" > /c
RUN echo \$HOME "\"q\"" `echo sub` $(echo sub2) > /d
