"""A Dockerfile's text into its parse tree, by the rules of BuildKit's parser (frontend 1.26)."""

import re
from collections.abc import Callable

from msgspec.structs import replace

from dockyard._internal.limits import DOCKERFILE_BYTES, TooLargeError
from dockyard.dockerfile import shell
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.node import Dockerfile, Heredoc, Node
from dockyard.dockerfile.spaces import BETWEEN_WORDS, left_strip, strip
from dockyard.dockerfile.split import NotStringsError, json_strings, split_command, split_words

_DIRECTIVE = re.compile(r"#[\t\n\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_DIRECTIVES = ("syntax", "escape", "check")
_HEREDOC = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)", re.DOTALL)
_WITH_HEREDOCS = ("add", "copy", "run")
_ASCII_SPACES = "\t\n\v\f\r "
_DEEPEST_ONBUILD = 8
# In bytes, without the line feed: what the buffer of BuildKit's scanner takes.
_LONGEST = 65_535


def parse(text: bytes | str) -> Dockerfile:
    """The parse tree of a Dockerfile. Unknown instructions stay in it; `instructions.interpret` refuses them.

    Bytes that are not UTF-8 survive as surrogates.

    Raises:
        DockerfileInvalidError: with the line: no instruction at all, an unterminated heredoc, a wrong directive,
            a JSON array of other things than strings, ENV or LABEL without a value.
        TooLargeError: the text is larger than any Dockerfile has to be.
    """
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogateescape" if not _has_lone(text) else "replace")
    if len(text) > DOCKERFILE_BYTES:
        raise TooLargeError(f"the Dockerfile is larger than {DOCKERFILE_BYTES} bytes", context={"bytes": len(text)})
    decoded = text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = decoded.split("\n")
    if len(text) > _LONGEST:
        _check_lengths(lines)
    return _Reader(lines).read()


def _check_lengths(lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        if len(line) * 4 > _LONGEST and len(line.encode("utf-8", "surrogateescape")) > _LONGEST:
            raise DockerfileInvalidError(
                f"the line is longer than {_LONGEST} bytes",
                line=number,
                text=line[:80],
                hint="Divide it, or COPY a file that has what it says.",
            )


def parse_heredoc(word: str) -> Heredoc | None:
    """The heredoc that `word` opens (`<<EOF`, `3<<-"EOF"`), without content; None where it opens none."""
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    try:
        whole = shell.process(match[3], {}, raw_quotes=True, keep_unset=True).words
        bare = shell.process(match[3], {}, keep_unset=True).words
    except shell.ExpansionError:
        return None
    if len(whole) != 1 or len(bare) != 1:
        return None
    number = int(match[1][:9]) if match[1] else 0
    # Quotes around the name mean that the content is literal; a backslash before it does not.
    return Heredoc(bare[0], expand=_quotes(whole[0]) == _quotes(bare[0]), chomp=bool(match[2]), descriptor=number)


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


def _has_lone(text: str) -> bool:
    return any(0xD800 <= ord(char) <= 0xDFFF and not 0xDC80 <= ord(char) <= 0xDCFF for char in text)


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        if lines and not lines[-1]:
            lines.pop()  # what follows the last line feed is no line
        self.lines = lines
        self.at = 0
        self.escape = "\\"
        self.continuation = continuation("\\")
        self.directives: dict[str, str] = {}
        self.directives_end = False
        self.comments: dict[int, str] = {}

    def read(self) -> Dockerfile:
        nodes: list[Node] = []
        above: list[str] = []
        while self.at < len(self.lines):
            line = left_strip(self.lines[self.at].rstrip("\r"))
            self.at += 1
            self.directive(line)
            if line.startswith("#"):
                comment = strip(line[1:])
                self.comments[self.at] = comment
                # An empty comment separates what belongs to the instruction from what does not.
                above = [*above, comment] if comment else []
                continue
            start = self.at
            if not line:
                continue
            # A lone escape character at the very end is an instruction without a name, which is refused later.
            line, gaps = self.joined(line)
            nodes.append(self.heredocs(self.node(line, start, tuple(above), gaps)))
            above = []
        if not nodes:
            raise DockerfileInvalidError("the file has no instructions", hint="A Dockerfile begins with FROM.")
        shown = tuple(line.removesuffix("\r") for line in self.lines)
        return Dockerfile(tuple(nodes), shown, self.escape, self.directives, self.comments)

    def directive(self, line: str) -> None:
        if self.directives_end:
            return
        match = _DIRECTIVE.fullmatch(line)
        key = match[1].lower() if match else ""
        if match is None or key not in _DIRECTIVES:
            self.directives_end = True
            return
        if key in self.directives:
            raise DockerfileInvalidError(f"only one {key} directive can be used", line=self.at, text=line)
        self.directives[key] = match[2]
        if key == "escape":
            if match[2] not in ("\\", "`"):
                raise DockerfileInvalidError(
                    f"the escape character is {match[2]!r}", line=self.at, text=line, hint="It can be \\ or `."
                )
            self.escape = match[2]
            self.continuation = continuation(match[2])

    def joined(self, line: str) -> tuple[str, tuple[int, ...]]:
        """`line` with the lines that continue it, and the numbers of empty lines among them."""
        parts: list[str] = []
        gaps: list[int] = []
        line, more = self.without_continuation(line)
        parts.append(line)
        while more and self.at < len(self.lines):
            line = self.lines[self.at].rstrip("\r")
            self.at += 1
            if left_strip(line).startswith("#"):
                self.comments[self.at] = strip(left_strip(line)[1:])
                continue
            if not left_strip(line):
                gaps.append(self.at)
                continue
            line, more = self.without_continuation(line)
            parts.append(line)
        return "".join(parts), tuple(gaps)

    def without_continuation(self, line: str) -> tuple[str, bool]:
        match = self.continuation.search(line)
        return (line[: match.end(1)] if match[1] else "", True) if match else (line, False)

    def node(self, line: str, start: int, comments: tuple[str, ...], gaps: tuple[int, ...], depth: int = 0) -> Node:
        def fail(message: str, hint: str | None = None) -> DockerfileInvalidError:
            return DockerfileInvalidError(message, line=start, text=line, hint=hint)

        spelled, flags, rest = split_command(line, self.escape)
        keyword = spelled.lower()
        body = None
        args: list[str] = [""]  # an instruction that nobody knows
        from_json = False
        try:
            if keyword in ("add", "copy", "volume", "cmd", "entrypoint", "run", "shell"):
                args, from_json = _maybe_json(rest, as_words=keyword in ("add", "copy", "volume"))
            elif keyword == "healthcheck":
                kind, command = _first_word(rest)
                args, from_json = _maybe_json(command, as_words=False)
                args = [kind, *args] if kind else []
        except NotStringsError:
            raise fail(
                f"the JSON array of {spelled} holds something other than strings",
                'Write every element in double quotes: ["sleep", "10"].',
            ) from None
        if keyword in ("from", "expose"):
            args = BETWEEN_WORDS.split(rest) if rest else []
        elif keyword in ("maintainer", "stopsignal", "user", "workdir"):
            args = [rest] if rest else []
        elif keyword == "arg":
            args = split_words(rest, self.escape)
        elif keyword in ("env", "label"):
            args = _names_and_values(keyword.upper(), rest, self.escape, fail)
        elif keyword == "onbuild":
            args = []
            if depth >= _DEEPEST_ONBUILD:
                raise fail("ONBUILD inside ONBUILD inside ONBUILD", "One ONBUILD holds one other instruction.")
            body = self.node(rest, start, (), (), depth + 1) if rest else None
        return Node(keyword, spelled, line, start, self.at, flags, tuple(args), from_json, (), comments, body, gaps)

    def heredocs(self, node: Node) -> Node:
        """`node` with the heredocs whose content follows it."""
        holder = node.body if node.keyword == "onbuild" and node.body is not None else node
        if holder.keyword not in _WITH_HEREDOCS or holder.json or "<<" not in node.text:
            return node
        try:
            # Whatever the directive says: here BuildKit knows the backslash only.
            words = shell.process(node.text, {}, raw_quotes=True, raw_escapes=True, keep_unset=True).words
        except shell.ExpansionError:
            return node  # an open quote: the shell may make sense of it
        found: list[Heredoc] = []
        for word in words:
            heredoc = parse_heredoc(word)
            if heredoc is not None:
                found.append(self.heredoc(heredoc, node))
        inner = replace(holder, heredocs=tuple(found), end_line=self.at)
        return inner if holder is node else replace(node, body=inner, heredocs=tuple(found), end_line=self.at)

    def heredoc(self, heredoc: Heredoc, node: Node) -> Heredoc:
        content: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            bare = line.rstrip("\r")
            if (bare.lstrip("\t") if heredoc.chomp else bare) == heredoc.name:
                return replace(heredoc, content="".join(content))
            content.append(line + "\n")
        raise DockerfileInvalidError(
            f"the heredoc {heredoc.name} is never closed",
            line=node.start_line,
            text=node.text,
            hint=f"End it with a line that holds {heredoc.name} and nothing else.",
        )


def continuation(escape: str) -> re.Pattern[str]:
    """Finds the continuation at a line's end: an escape character that is not itself escaped."""
    mark = re.escape(escape)
    return re.compile(rf"(?:([^{mark}])|^){mark}[ \t]*\Z")


def _maybe_json(rest: str, *, as_words: bool) -> tuple[list[str], bool]:
    strings = json_strings(rest)
    if strings is not None:
        return strings, True
    if not rest:
        return [], False
    return (BETWEEN_WORDS.split(rest) if as_words else [rest]), False


def _first_word(rest: str) -> tuple[str, str]:
    end = next((i for i, char in enumerate(rest) if char in _ASCII_SPACES), len(rest))
    return rest[:end], rest[end:].lstrip(_ASCII_SPACES)


def _names_and_values(keyword: str, rest: str, escape: str, fail: Callable[..., DockerfileInvalidError]) -> list[str]:
    words = split_words(rest, escape)
    if not words:
        return []
    if "=" not in words[0]:
        parts = BETWEEN_WORDS.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise fail(f"{keyword} needs a name and a value", f"Write {keyword} {parts[0]}=value.")
        return [parts[0], parts[1], ""]
    args: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise fail(
                f"there is no = in {word!r}", f"Write {keyword} name=value; quote values that contain white space."
            )
        args += [name, value, "="]
    return args
