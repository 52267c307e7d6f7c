"""What is wrong with a Dockerfile, and on which line."""

from collections.abc import Iterable

from dockyard.errors import UsageError

_SHOWN = 160


class DockerfileInvalidError(UsageError):
    """A Dockerfile cannot be understood: an unknown instruction or flag, missing arguments, an unterminated heredoc.

    The message names the line, and the context shows the text as it stands in the file.
    """

    reference = "dockerfile-invalid"
    hint = "Correct the line; `dockyard lint` checks the whole file without building it."

    def __init__(self, message: str, *, line: int = 0, text: str = "", hint: str | None = None) -> None:
        context: dict[str, object] = {}
        if line:
            context["line"] = line
        if text:
            shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
            context["text"] = _clean(shown)
        super().__init__(
            _clean(f"line {line}: {message}" if line else message),
            context=context,
            hint=None if hint is None else _clean(hint),
        )
        self.line = line
        self.text = text
        self.bare_message = _clean(message)


def _clean(text: str) -> str:
    # A surrogate stands for a byte that is not UTF-8; no terminal or JSON document could carry it.
    return text.encode("utf-8", "replace").decode()


def nearest(word: str, known: Iterable[str], *, least: float = 0.6) -> str:
    """The one of `known` that `word` was probably meant to be, or an empty string; `least` is how alike they must be,
    from 0 to 1.
    """
    import difflib  # for faults only

    found = difflib.get_close_matches(word[:64], list(known), 1, least)
    return found[0] if found else ""


def meant(word: str, known: Iterable[str], *, prefix: str = "") -> str | None:
    """A hint that suggests the nearest of `known`; None where nothing is near."""
    near = nearest(word, known)
    return f"Did you mean {prefix}{near}?" if near else None
