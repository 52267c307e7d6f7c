FROM scratch
ADD one.txt arch.tar app /x/
