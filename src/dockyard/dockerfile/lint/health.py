"""Rules about HEALTHCHECK."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Cmd, Entrypoint, Expose, Healthcheck
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, remark


class HealthcheckMissing:
    """Without a HEALTHCHECK a container counts as well as long as its process lives.

    A server that hangs keeps its traffic, and a rollout of a broken version looks like success. Say how to ask it.
    (Hadolint's rule is off unless it is asked for.)

    Wrong:

        EXPOSE 8080
        CMD ["./server"]

    Right:

        HEALTHCHECK --interval=10s --timeout=3s CMD ["./server", "--check"]
        EXPOSE 8080
        CMD ["./server"]
    """

    code = "healthcheck"
    aliases = ("DL3057",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Look for a HEALTHCHECK in the final stage and the stages that it is built on."""
        final = subject.stages[-1]
        chain = [each for parent in subject.lineage(final) for each in parent.instructions]
        if any(isinstance(each, Healthcheck) for each in chain):
            return
        if not any(isinstance(each, Cmd | Entrypoint | Expose) for each in chain):
            return  # nothing says that this image is a server, or even a program
        ports = [port for each in chain if isinstance(each, Expose) for port in each.ports]
        port = ports[0].partition("/")[0] if ports else "8080"
        # Bases without programs have no wget, and servers of other protocols do not answer it.
        bare = re.search(
            r"^scratch$|distroless|static|chainguard|windows|nanoserver", subject.root(final), re.IGNORECASE
        )
        web = not bare and re.fullmatch(r"80|443|[3-9]000|[45]173|8\d{3}|90\d\d", port)
        asking = f'"wget", "-qO-", "http://127.0.0.1:{port}/"' if web else '"<program that asks it>"'
        better = f"HEALTHCHECK --interval=10s --timeout=3s CMD [{asking}]"
        yield remark(final.head, "the final stage has no HEALTHCHECK", better)


RULES = (HealthcheckMissing,)
