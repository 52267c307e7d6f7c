FROM busybox
CMD ["a"]
CMD b
ENTRYPOINT ["e"]
