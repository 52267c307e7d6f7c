"""Rules about secrets."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Arg, Copy, Env, Run
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import script
from dockyard.dockerfile.lint.subject import Subject, meant_later, remark

# BuildKit's words, and more of the same kind; the last ones count at the end of a longer word, too.
_SECRET = re.compile(
    r"(?:^|[_-])(?:api_?key|auth|credentials?|keys?|pass(?:phrase)?|pword|pwd)(?:[_-]|$)"
    r"|(?:pass(?:word|wd)|secret|token)s?(?:[_-]|$)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(?:^|[_-])(?:public|file|version)(?:[_-]|$)", re.IGNORECASE)
# Shapes that only real credentials have.
_KNOWN = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bglpat-[A-Za-z0-9_-]{20}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bsk_live_[A-Za-z0-9]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name) and name.upper() not in ("PWD", "OLDPWD")


class SecretInEnv:
    """ENV and ARG are written into the image's configuration and history, where everyone who can pull it reads them.

    Deleting the variable in a later line does not help: the earlier layer stays. Mount secrets for the RUN that needs
    them, and hand the container its own when it starts. What counts as a secret's name is what BuildKit or Hadolint
    takes for one, but for names with `FILE`, `PUBLIC` or `VERSION` in them; a value that has the shape of a real
    credential is an error.

    Wrong:

        ARG NPM_TOKEN
        RUN npm ci

    Right:

        RUN --mount=type=secret,id=npm_token,env=NPM_TOKEN npm ci
    """

    code = "secret-in-env"
    aliases = ("DL3064", "SecretsUsedInArgOrEnv")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find variables that are named like secrets, and values that look like ones."""
        found: list[Arg | Env] = [*subject.arguments]
        for stage in subject.stages:
            held = map(meant_later, stage.instructions)
            found += [each for each in held if isinstance(each, Arg | Env)]
        for instruction in found:
            word = "ARG" if isinstance(instruction, Arg) else "ENV"
            for name, value in instruction.pairs:
                if _KNOWN.search(value or ""):
                    message = f"the value of {name} looks like a real credential; revoke it"
                    yield remark(instruction, message, severity="error")
                elif _is_secret(name):
                    yield remark(
                        instruction,
                        f"{word} {name} ends up readable in the image",
                        f"RUN --mount=type=secret,id={name.lower()},env={name} …",
                    )


class SecretInRun:
    """A secret that stands in a command stays in the image's history.

    Wrong:

        RUN curl -H "Authorization: Bearer ghp_…" https://api.example.org/

    Right:

        RUN --mount=type=secret,id=token,env=TOKEN curl -H "Authorization: Bearer $TOKEN" https://api.example.org/
    """

    code = "secret-in-run"
    aliases = ()
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find commands and heredocs with something that has the shape of a credential."""
        for _, run in subject.every(Run):
            if _KNOWN.search(script(run) or " ".join(run.args)):
                yield remark(run, "the command holds what looks like a real credential; revoke it")
        for _, copy in subject.every(Copy):
            if any(_KNOWN.search(heredoc.content) for heredoc in copy.heredocs):
                yield remark(copy, "the file written here holds what looks like a real credential; revoke it")
            for source in copy.sources:
                name = source.rstrip("/").rsplit("/", 1)[-1]
                if not copy.from_ and name in (".env", "id_rsa", "id_ed25519", ".netrc", ".npmrc", ".pypirc", ".git"):
                    yield remark(copy, f"{source} usually holds secrets, and stays in the layer", severity="warning")


RULES = (SecretInEnv, SecretInRun)
