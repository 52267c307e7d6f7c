"""What stops a build: each error names the line of the Dockerfile."""

import contextlib
from collections.abc import Iterator
from typing import Any

from dockyard.dockerfile.node import Node
from dockyard.errors import Error, UsageError


def place(node: Node) -> dict[str, Any]:
    """The context of an error at `node`."""
    return {"line": node.start_line, "text": node.text.split("\n")[0][:200]}


@contextlib.contextmanager
def located(node: Node) -> Iterator[None]:
    """Errors from inside say that they are of `node`, unless they know better."""
    try:
        yield
    except Error as error:
        for name, value in place(node).items():
            error.context.setdefault(name, str(value))
        raise


class NotSupportedYetError(UsageError):
    """The Dockerfile uses an instruction, a flag or a value that Dockyard reads but does not carry out yet."""

    reference = "not-supported-yet"
    hint = "Nothing was built, as leaving it out would give another image than the Dockerfile says."

    def __init__(self, what: str, node: Node) -> None:
        super().__init__(f"{what} is not supported yet", context=place(node))


class SourceMissingError(UsageError):
    """A source of COPY or ADD is neither in the context nor in the stage or image it is taken from."""

    reference = "source-missing"
    hint = "Sources are relative to the context, the folder given to the build; .dockerignore may leave files out."


class ContextEscapeError(UsageError):
    """A source of COPY or ADD leads out of the context, by `..` or through a symbolic link."""

    reference = "context-escape"
    hint = "Only files inside the context take part in a build. Give a higher folder as context, with -f for the file."


class ContextUnreadableError(UsageError):
    """The context or the Dockerfile is not there or cannot be read."""

    reference = "context-unreadable"
    hint = "Say the folder, and with -f the Dockerfile, for example: dockyard build -f docker/Dockerfile ."


class SecretInvalidError(UsageError):
    """A `--secret` or `--ssh` is not well formed, or what it names is not there or too large."""

    reference = "secret-invalid"
    hint = "Write --secret id=NAME,src=FILE or id=NAME,env=VARIABLE; --ssh default, ID=SOCKET or ID=KEY,KEY."


class RunFailedError(Error):
    """A command of a RUN step ended with an error; the lines before it are the last that it printed."""

    reference = "run-failed"
    exit_code = 2
    hint = "Mend the command; the steps before it are cached and not run again."


class PlatformRefusedError(UsageError):
    """A platform is not well formed, or a RUN would need a processor that this machine neither has nor imitates."""

    reference = "platform-refused"
    hint = "Install qemu-user-static, so that the kernel can run programs of other processors."
