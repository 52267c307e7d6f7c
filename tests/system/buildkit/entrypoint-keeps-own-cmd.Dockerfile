FROM busybox AS base
CMD ["inherited"]
FROM base
CMD ["own"]
ENTRYPOINT ["/e"]
