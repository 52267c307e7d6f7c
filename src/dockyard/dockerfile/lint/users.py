"""Rules about who runs the container."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import User
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, remark


class RootUser:
    """A container that runs as root is root for all that is mounted into it, and one kernel flaw away from the host.

    Give the final stage a user of its own. A number works without an entry in /etc/passwd, and Kubernetes can check it.
    Hadolint speaks of every stage that ends as root; here only the final one counts, with those that it is built on.

    Wrong:

        USER root
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
        if users and re.fullmatch(r"[\"']?(root|0+)([\"']?$|:.*)", users[-1].user.strip()):
            yield remark(users[-1], f"the container runs as {users[-1].user}", "USER 10001:10001")


class NoUser:
    """Nothing says who runs the container, so it is whoever the base names: usually root.

    Give the final stage a user of its own, or say in it that the base's is meant. A base whose name says that it has
    one (`nonroot`) is left alone.

    Wrong:

        CMD ["./server"]

    Right:

        USER 10001:10001
        CMD ["./server"]
    """

    code = "no-user"
    aliases = ()
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find final stages that name no user, nor does a stage that they are built on."""
        final = subject.stages[-1]
        lineage = subject.lineage(final)
        named = any(isinstance(each, User) for parent in lineage for each in parent.instructions)
        if not named and not re.search(r"non-?root|rootless|unprivileged", lineage[-1].base, re.IGNORECASE):
            yield remark(
                final.head,
                f"the final stage has no USER, so it runs as whoever {final.base} runs as: usually root",
                "USER 10001:10001",
            )


class NumericUser:
    """A user's name says nothing to who has not read the image's /etc/passwd.

    Kubernetes refuses an image with a name when it shall make sure that it does not run as root, as it cannot tell.
    Only the last USER of the final stage counts for that, and `root` is the rule root-user's.

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


RULES = (RootUser, NoUser, NumericUser)
