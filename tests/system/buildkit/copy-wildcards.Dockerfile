FROM scratch
COPY *.txt /txt/
COPY a??/ma*.py /py/
COPY [ot]*.txt /class/
COPY no*such /none/
COPY app/*/ /subs/
