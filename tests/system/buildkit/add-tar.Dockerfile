FROM scratch
ADD arch.tar /a
ADD arch.tar.gz /b/
ADD arch.tar.xz /c
ADD arch.tar.bz2 /d
ADD --chown=8:9 arch.tar /e
ADD --unpack=false arch.tar /f/
ADD one.txt /g
ADD --chmod=600 arch.tar /h
ADD notreally.tar /i/
