"""Reading a shell script far enough to tell its commands, its words and its pipes apart."""

import re
from dataclasses import dataclass, field

# What stands before a command without being one. `sudo` and `env` run another program, which is what rules ask for.
RESERVED = frozenset(["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"])
_ENDS = frozenset(["fi", "done", "esac", "}"])
_DEEPEST = 40
SHELLS = frozenset(["sh", "bash", "ash", "dash", "ksh", "zsh"])
_PLAIN = re.compile(r"[^\s\\'\"$`#<>&;|()]+")
_WITHIN = re.compile(r"[^\"\\$`]+")
_BRACES = re.compile(r"\{[^{}]*\}")


@dataclass(slots=True)
class Script:
    """The simple commands of a script in the order of their ends, inner ones before the one that they stand in.

    Quotes are taken away; variables and `$(…)` stay in the words as they are written. `pipes` holds, for each pipe,
    how many commands were complete before it.
    """

    commands: list[list[str]] = field(default_factory=list)
    pipes: list[int] = field(default_factory=list)


def read(text: str) -> Script:
    """The commands of `text`. What is no script of a POSIX shell gives something, and never an error."""
    found = Script()
    at = 0
    while at < len(text):
        # A bracket too many ends a reading early; the rest counts, too.
        at = _Reader(text, found, at, "", 0).run() + 1
    return found


class _Reader:
    """One level of a script: the whole, or what stands in brackets or backticks."""

    def __init__(self, text: str, found: Script, at: int, end: str, depth: int) -> None:
        self._text, self._found, self._at, self._end, self._depth = text, found, at, end, depth
        self._words: list[str] = []
        self._word: list[str] | None = None  # the parts of a word that is not at its end
        self._quoted = False
        self._target = False  # the next word is where a redirection goes
        self._cases: list[bool] = []  # open `case`s; whether a pattern is expected
        self._heredoc: tuple[list[str], bool] | None = None  # the next word ends a heredoc of this command
        self._heredocs: list[tuple[str, bool, list[str]]] = []  # those whose content begins on the next line

    def run(self) -> int:
        """Read up to the end of this level; the position of what ended it."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == self._end and not (char == ")" and self._pattern()):
                break
            self._step(char)
        self._close_command()
        return self._at

    def _pattern(self) -> bool:
        return bool(self._cases) and self._cases[-1]

    def _step(self, char: str) -> None:
        rest = self._text[self._at : self._at + 2]
        if char in " \t\r":
            self._close_word()
            self._at += 1
        elif char == "\\":
            self._escape()
        elif char == "'":
            self._to(self._text.find("'", self._at + 1))
        elif char == '"':
            self._double()
        elif char == "$" and rest in ("$(", "${"):
            self._dollar(rest)
        elif char == "`":
            self._inner("`", 1)
        elif char == "#" and self._word is None:
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        elif char in "<>":
            self._redirect()
        elif char == "&" and rest == "&>":
            self._at += 1
        elif char in "\n;|&()":
            self._separator(char, rest)
        else:
            found = _PLAIN.match(self._text, self._at)
            part = found[0] if found else char
            self._add(part)
            self._at += len(part)

    def _add(self, text: str) -> None:
        if self._word is None:
            self._word = [text]
        else:
            self._word.append(text)

    def _so_far(self) -> str:
        return "".join(self._word or ())

    def _escape(self) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following != "\n":
            self._add(following)
            self._quoted = True
        self._at += 2

    def _to(self, end: int) -> None:
        end = len(self._text) if end < 0 else end
        self._add(self._text[self._at + 1 : end])
        self._quoted = True
        self._at = end + 1

    def _double(self) -> None:
        self._add("")
        self._quoted = True
        self._at += 1
        while self._at < len(self._text) and (char := self._text[self._at]) != '"':
            rest = self._text[self._at : self._at + 2]
            if char == "\\":
                following = rest[1:]
                if following != "\n":
                    self._add(following if following in '$`"\\' else rest)
                self._at += 2
            elif rest in ("$(", "${"):
                self._dollar(rest)
            elif char == "`":
                self._inner("`", 1)
            else:
                found = _WITHIN.match(self._text, self._at)
                part = found[0] if found else char
                self._add(part)
                self._at += len(part)
        self._at += 1

    def _dollar(self, kind: str) -> None:
        if kind == "${":
            self._balanced("{", "}", 2)
        elif self._text.startswith("$((", self._at):
            self._balanced("(", ")", 2)
        else:
            self._inner(")", 2)

    def _balanced(self, opening: str, closing: str, skip: int) -> None:
        """Take over what stands in brackets as it is."""
        start, level = self._at, 1
        self._at += skip
        while self._at < len(self._text) and level:
            char = self._text[self._at]
            level += (char == opening) - (char == closing)
            self._at += 2 if char == "\\" else 1
        self._add(self._text[start : self._at])

    def _inner(self, end: str, skip: int) -> None:
        """Read the script that stands in `$(…)`, backticks or brackets; its text is a part of the word."""
        start = self._at
        self._at += skip
        if self._depth >= _DEEPEST:
            self._at = len(self._text)
        else:
            self._at = _Reader(self._text, self._found, self._at, end, self._depth + 1).run() + 1
        self._add(self._text[start : self._at])

    def _redirect(self) -> None:
        match = re.compile(r"<<<|<<-?|<>|[<>]&-?|>>|>\||[<>]").match(self._text, self._at)
        operator = match[0] if match else self._text[self._at]
        if operator in "<>" and self._text.startswith("(", self._at + 1):
            self._inner(")", 2)
            return
        if self._word is not None and not self._quoted and self._so_far().isdigit():
            self._word = None  # the number of a file
        self._close_word()
        self._target = not operator.endswith("-") or operator == "<<-"
        if operator in ("<<", "<<-"):
            self._heredoc = (self._words, operator == "<<-")
        self._at += len(operator)

    def _separator(self, char: str, rest: str) -> None:
        if char == "(" and self._word is not None and self._word[-1].endswith("="):
            self._balanced("(", ")", 1)  # an array
            return
        if char == "(" and re.compile(r"\(\s*\)").match(self._text, self._at):
            self._word, self._words = None, []  # a function
            self._at = self._text.index(")", self._at) + 1
            return
        if self._pattern():
            self._close_word()
            if char == ")":
                self._cases[-1] = False
                self._words = []
            self._at += 1
            return
        if self._words[:1] == ["[["] and char != "\n" and self._words[-1:] != ["]]"] and self._so_far() != "]]":
            self._add(char)
            self._close_word()
            self._at += 1
            return
        self._close_command()
        if char == "\n" and self._heredocs:
            self._skip()
            return
        if char == "|" and rest != "||":
            self._found.pipes.append(len(self._found.commands))
        if char == "(" and self._depth < _DEEPEST:
            self._at = _Reader(self._text, self._found, self._at + 1, ")", self._depth + 1).run() + 1
            return
        if rest == ";;" and self._cases:
            self._cases[-1] = True
        self._at += 2 if rest in ("&&", "||", "|&", ";;") else 1

    def _close_word(self) -> None:
        parts, self._word = self._word, None
        quoted, self._quoted = self._quoted, False
        if parts is None:
            return
        word = "".join(parts)
        if self._target:
            self._target = False
            if self._heredoc is not None:
                words, chomp = self._heredoc
                self._heredocs.append((word, chomp, words))
                self._heredoc = None
        elif self._pattern():
            if word == "esac" and not quoted:
                self._cases.pop()
        elif word == "{" and self._words[:1] == ["function"]:
            self._words = []
        elif quoted or self._words:
            self._words.append(word)
            if self._words[0] == "case" and word == "in" and not quoted:
                self._cases.append(True)
                self._words = []
        elif word == "esac" and self._cases:
            self._cases.pop()
        elif word not in RESERVED and word not in _ENDS:
            self._words.append(word)

    def _skip(self) -> None:
        """Pass over the heredocs that begin on the next line; what a shell is given is a script, all else is data."""
        heredocs, self._heredocs = self._heredocs, []
        self._at += 1
        for name, chomp, words in heredocs:
            tabs = r"\t*" if chomp else ""
            end = re.compile(rf"^{tabs}{re.escape(name)}$", re.MULTILINE).search(self._text, self._at)
            body = self._text[self._at : end.start() if end else len(self._text)]
            self._at = min(end.end() + 1, len(self._text)) if end else len(self._text)
            if self._depth < _DEEPEST and _is_shell(words):
                _Reader(body, self._found, 0, "", self._depth + 1).run()

    def _close_command(self) -> None:
        self._close_word()
        self._target, self._heredoc = False, None
        words, self._words = self._words, []
        if words and words[0] not in ("for", "select", "function"):
            self._found.commands.append(words)


def _is_shell(words: list[str]) -> bool:
    """Whether a command reads its script from standard input."""
    names = [each.rpartition("/")[2] for each in words]
    at = next((number for number, name in enumerate(names) if name in SHELLS), None)
    return at is not None and all(each.startswith("-") and "c" not in each for each in words[at + 1 :])


def braces(text: str) -> str:
    """`text` with `{a,b}` written out where it holds one list: enough to find paths in it."""
    match = _BRACES.search(text)
    if match is None or "," not in match[0]:
        return text
    return " ".join(text[: match.start()] + each + text[match.end() :] for each in match[0][1:-1].split(","))
