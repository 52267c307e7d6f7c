FROM scratch
ARG A=
ARG B
ARG C=${B:-fallback}
ENV X="[$A][$B][$C]"
