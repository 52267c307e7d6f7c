FROM scratch
HEALTHCHECK CMD ["/check", "it"]
