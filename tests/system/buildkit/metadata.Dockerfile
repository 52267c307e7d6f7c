FROM scratch
MAINTAINER Somebody <some@body.example>
EXPOSE 80 443/tcp 9000-9002/UDP 53/sctp 1.2.3.4:80:8080 81:8181
VOLUME /data /more
VOLUME ["/json", "/other"]
USER app:staff
STOPSIGNAL SIGKILL
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
CMD echo hello "world"
