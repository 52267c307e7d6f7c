"""The parse tree of a Dockerfile: one node an instruction, with its lines."""

from collections.abc import Mapping

import msgspec

from dockyard._internal.wellformed import wellformed

KEYWORDS = [
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
]


class Heredoc(msgspec.Struct, frozen=True):
    """A here-document: `content` is as it stands in the file, each line with its line feed."""

    name: str
    content: str = ""
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0

    @property
    def body(self) -> str:
        """The content as it takes effect: without leading tabs where the operator was `<<-`."""
        if not self.chomp:
            return self.content
        return "".join(line.lstrip("\t") for line in self.content.splitlines(keepends=True))


class Node(msgspec.Struct, frozen=True):
    """One instruction.

    `keyword` is in lower case, `spelled` as written; `text` is the logical line with continuations joined. `args`
    follow BuildKit's tree: ENV and LABEL give name, value and separator in turn, shell forms one string. `json` says
    that the arguments were a JSON array. Lines count from 1; `end_line` includes heredocs. `body` is ONBUILD's.
    """

    keyword: str
    spelled: str
    text: str
    start_line: int
    end_line: int
    flags: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    json: bool = False
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()
    body: "Node | None" = None
    gaps: tuple[int, ...] = ()  # line numbers of empty lines inside a continuation

    @property
    def shown(self) -> str:
        """The logical line with single spaces, for documents: `\ufffd` stands for a byte that is not UTF-8."""
        return wellformed(" ".join(self.text.split()))

    def dump(self) -> str:
        """This node in the notation of BuildKit's parse dumps."""
        parts = [self.keyword.encode("utf-8", "replace").decode()]
        if self.flags:
            parts.append("[" + " ".join(quoted(flag) for flag in self.flags) + "]")
        if self.body is not None:
            parts.append(f"({self.body.dump()})")
        parts += [quoted(arg) for arg in self.args]
        return " ".join(parts).lstrip()


class Dockerfile(msgspec.Struct, frozen=True):
    """A parsed Dockerfile. `directives` holds syntax, escape and check; `lines` the file's own lines."""

    nodes: tuple[Node, ...]
    lines: tuple[str, ...]
    escape: str = "\\"
    directives: Mapping[str, str] = msgspec.field(default_factory=dict)
    comments: Mapping[int, str] = msgspec.field(default_factory=dict)

    def dump(self) -> str:
        """The tree in the notation of BuildKit's parse dumps, one line an instruction."""
        return "\n".join(f"({node.dump()})" for node in self.nodes)


_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def quoted(text: str) -> str:
    """`text` as Go's `strconv.Quote` writes it."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if char == " " or (char.isprintable() and not 0xD800 <= code <= 0xDFFF):
        return char
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
