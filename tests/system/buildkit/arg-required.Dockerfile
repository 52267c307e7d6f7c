FROM scratch
ENV X=${MISSING:?give it}
