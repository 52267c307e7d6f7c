"""Rules about who runs the container."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import User
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, remark


class RootUser:
    """A container that runs as root is root for all that is mounted into it, and one kernel flaw away from the host.

    Give the final stage a user of its own. A number works without an entry in /etc/passwd, and Kubernetes can check it.

    Wrong:

        CMD ["./server"]

    Right:

        USER 10001:10001
        CMD ["./server"]
    """

    code = "root-user"
    aliases = ("DL3002",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Look at the last USER of the final stage and of the stages that it is built on."""
        final = subject.stages[-1]
        users = [
            each
            for parent in reversed(subject.lineage(final))
            for each in parent.instructions
            if isinstance(each, User)
        ]
        if not users:
            yield remark(
                final.head,
                f"the final stage has no USER, so it runs as whoever {final.base} runs as: usually root",
                "USER 10001:10001",
            )
            return
        last = users[-1]
        if re.fullmatch(r"[\"']?(root|0+)([\"']?$|:.*)", last.user.strip()):
            yield remark(last, f"the container runs as {last.user}", "USER 10001:10001")


class NumericUser:
    """A user's name says nothing to who has not read the image's /etc/passwd.

    Kubernetes refuses an image with a name when it shall make sure that it does not run as root, as it cannot tell.

    Wrong:

        USER app

    Right:

        USER 10001:10001
    """

    code = "numeric-user"
    aliases = ("DL3066",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Look at the last USER of the final stage."""
        users = [each for each in subject.stages[-1].instructions if isinstance(each, User)]
        if users and re.match(r"[a-z_]", users[-1].user, re.IGNORECASE) and not users[-1].user.startswith("root"):
            yield remark(users[-1], f"{users[-1].user} is a name, not a number")


RULES = (RootUser, NumericUser)
