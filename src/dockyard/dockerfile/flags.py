"""The flags of an instruction, checked against those that it has."""

from dockyard.dockerfile.fault import DockerfileInvalidError, meant
from dockyard.dockerfile.node import Node

# Which flags an instruction has: "one" value, "many" (may be repeated), "switch" (true without a value).
FLAGS: dict[str, dict[str, str]] = {
    "from": {"platform": "one"},
    "run": {"mount": "many", "network": "one", "security": "one", "device": "many"},
    "copy": {
        "from": "one",
        "chown": "one",
        "chmod": "one",
        "link": "switch",
        "parents": "switch",
        "exclude": "many",
    },
    "add": {
        "chown": "one",
        "chmod": "one",
        "link": "switch",
        "keep-git-dir": "switch",
        "checksum": "one",
        "unpack": "switch",
        "exclude": "many",
    },
    "healthcheck": {
        "interval": "one",
        "timeout": "one",
        "start-period": "one",
        "start-interval": "one",
        "retries": "one",
    },
}


def _is_none(node: Node) -> bool:
    return node.args[:1] != () and node.args[0].upper() == "NONE"


class Flags:
    """The flags that one instruction was given."""

    def __init__(self, node: Node) -> None:
        """Read the flags of `node`.

        Raises:
            DockerfileInvalidError: one is unknown, comes twice or lacks its value, or a switch is neither true nor
                false.
        """
        self.node = node
        self.values: dict[str, list[str]] = {}
        # BuildKit does not look at the flags of these.
        if node.keyword in ("arg", "stopsignal") or (node.keyword == "healthcheck" and _is_none(node)):
            return
        known = FLAGS.get(node.keyword, {})
        for flag in node.flags:
            name, equals, value = flag[2:].partition("=")
            kind = known.get(name)
            if kind is None:
                raise self._fail(
                    f"{node.keyword.upper()} has no flag --{name}",
                    meant(name, known, prefix="--")
                    or (f"It has --{', --'.join(known)}." if known else f"{node.keyword.upper()} takes no flags."),
                )
            if kind != "switch" and not equals:
                raise self._fail(f"--{name} needs a value", f"Write --{name}=…")
            if kind != "many" and name in self.values:
                raise self._fail(f"--{name} is there twice", "Leave one of the two out.")
            if kind == "switch":
                value = value.lower() if equals else "true"
                if value not in ("true", "false"):
                    raise self._fail(f"--{name} is true or false, not {flag.partition('=')[2]!r}")
            self.values.setdefault(name, []).append(value)

    def one(self, name: str) -> str:
        """The value of `--name`, or an empty string."""
        return self.values.get(name, [""])[0]

    def many(self, name: str) -> tuple[str, ...]:
        """The values of every `--name`."""
        return tuple(self.values.get(name, ()))

    def switch(self, name: str) -> bool | None:
        """Whether `--name` is on; None where it was not given."""
        return self.one(name) == "true" if name in self.values else None

    def _fail(self, message: str, hint: str | None = None) -> DockerfileInvalidError:
        return DockerfileInvalidError(message, line=self.node.start_line, text=self.node.text, hint=hint)
