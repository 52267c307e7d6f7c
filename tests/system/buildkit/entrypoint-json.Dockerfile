FROM scratch
CMD ["a", "b c", "q\"uote"]
ENTRYPOINT ["/e", "tab\t", "uni☃"]
