ARG REG=busybox
FROM $REG as final
LABEL x=$REG
