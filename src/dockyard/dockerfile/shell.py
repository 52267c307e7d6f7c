"""Variable expansion and word splitting as the Dockerfile language does it: POSIX-like, without commands.

Follows BuildKit's lexer: `$v ${v} ${v:-w} ${v-w} ${v:+w} ${v+w} ${v:?m} ${v?m} ${v#p} ${v##p} ${v%p} ${v%%p} ${v/p/r}
${v//p/r}`, quotes, the escape character (backslash or backtick) and the shell's special parameters.
"""

import re
from collections.abc import Callable, Mapping

import msgspec

from dockyard.dockerfile import glob
from dockyard.dockerfile.spaces import SPACES
from dockyard.errors import UsageError

_SPECIAL = "@*#?-$!0"
_BETWEEN = "\t\r "  # may stand between `<<` and the name
_DEEPEST = 50
# What means itself everywhere: no quote, no escape character, no `$` or `<`, nothing that ends a substitution.
_PLAIN = re.compile(r"[^$<'\"\\`}/]+")
_SPACE = re.compile(f"[{SPACES}]")
_LONGEST = 4 << 20


class ExpansionError(UsageError):
    """A word with variables cannot be expanded: a brace or quote is missing, a modifier is unknown, or `${name:?}`
    demands a variable that is not set.
    """

    reference = "expansion-invalid"
    hint = "Escape a literal dollar sign with the escape character, and close every quote and brace."


class Expansion(msgspec.Struct, frozen=True):
    """What became of a word: as one text, as words, and the variables that were and were not found."""

    text: str
    words: tuple[str, ...]
    used: frozenset[str]
    missing: frozenset[str]


def expand(word: str, env: Mapping[str, str], escape: str = "\\", *, windows: bool = False) -> str:
    """`word` with variables replaced and quotes removed.

    Raises:
        ExpansionError: the word is not well formed, or `${name:?}` finds nothing.
    """
    return process(word, env, escape, windows=windows).text


def words(word: str, env: Mapping[str, str], escape: str = "\\", *, windows: bool = False) -> list[str]:
    """The words that `word` becomes: like `expand`, split at white space outside quotes after the replacement.

    Raises:
        ExpansionError: the word is not well formed, or `${name:?}` finds nothing.
    """
    return list(process(word, env, escape, windows=windows).words)


def process(
    word: str,
    env: Mapping[str, str],
    escape: str = "\\",
    *,
    windows: bool = False,
    raw_quotes: bool = False,
    raw_escapes: bool = False,
    skip_quotes: bool = False,
    keep_unset: bool = False,
) -> Expansion:
    """`word` expanded.

    Args:
        word: the text.
        env: the variables.
        escape: the escape character, a backslash or a backtick.
        windows: names of variables are found without regard to case.
        raw_quotes: quotes stay in the result.
        raw_escapes: escape characters stay in the result.
        skip_quotes: quotes are ordinary characters, as in heredoc bodies.
        keep_unset: a variable that is not set stays as written.

    Raises:
        ExpansionError: the word is not well formed, or `${name:?}` finds nothing.
    """
    if windows:
        env = {name.upper(): value for name, value in env.items()}
    lexer = _Lexer(
        word,
        env,
        escape,
        windows=windows,
        raw_quotes=raw_quotes,
        raw_escapes=raw_escapes,
        skip_quotes=skip_quotes,
        keep_unset=keep_unset,
    )
    text, found = lexer.until("")
    return Expansion(text, tuple(found), frozenset(lexer.used), frozenset(lexer.missing))


class _Words:
    """Collects words: white space ends one only where it was neither quoted nor escaped.

    Args:
        parts: the word under way. A substitution with an operand has the same one, and what stood before it in the
            word is lost: so does BuildKit, and EXPOSE shows it.
    """

    def __init__(self, parts: list[str]) -> None:
        self.done: list[str] = []
        self.parts = parts
        parts.clear()

    def add(self, text: str) -> None:
        if _SPACE.search(text) is None:
            self.parts.append(text)
            return
        for char in text:
            if char not in SPACES:
                self.parts.append(char)
            elif any(self.parts):
                self.end()

    def add_whole(self, text: str) -> None:
        self.parts.append(text)

    def end(self) -> list[str]:
        word = "".join(self.parts)
        if word:
            self.done.append(word)
        self.parts.clear()
        return self.done


class _Lexer:
    """Reads one word from its beginning to its end; arguments are those of `process`."""

    def __init__(
        self,
        text: str,
        env: Mapping[str, str],
        escape: str,
        *,
        windows: bool,
        raw_quotes: bool,
        raw_escapes: bool,
        skip_quotes: bool,
        keep_unset: bool,
    ) -> None:
        self.text, self.env, self.escape, self.windows = text, env, escape, windows
        self.raw_quotes, self.raw_escapes = raw_quotes, raw_escapes
        self.skip_quotes, self.keep_unset = skip_quotes, keep_unset
        self.at = 0
        self.depth = 0
        self.pattern = False  # the word under way is a pattern: what quotes make literal is escaped for it
        self.word: list[str] = []
        self.size = 0
        self.used: set[str] = set()
        self.missing: set[str] = set()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def next(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def error(self, message: str) -> ExpansionError:
        return ExpansionError(
            f"cannot expand {_shown(self.text)}: {_shown(message, bare=True)}", context={"word": _shown(self.text)}
        )

    def until(self, stop: str, *, raw_escapes: bool | None = None, pattern: bool = False) -> tuple[str, list[str]]:
        """Text and words up to the character `stop`, or to the end where that is empty."""
        before = self.raw_escapes, self.pattern
        if raw_escapes is not None:
            self.raw_escapes = raw_escapes
        self.pattern = pattern
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"substitutions nest deeper than {_DEEPEST}")
        try:
            return self._until(stop)
        finally:
            self.depth -= 1
            self.raw_escapes, self.pattern = before

    def _until(self, stop: str) -> tuple[str, list[str]]:
        result: list[str] = []
        collected = _Words(self.word)
        special: dict[str, Callable[[], str]] = {"$": self.dollar, "<": self.heredoc}
        if not self.skip_quotes:
            special |= {"'": self.single_quotes, '"': self.double_quotes}
        while char := self.peek():
            plain = _PLAIN.match(self.text, self.at)
            if plain is not None:
                result.append(plain[0])
                collected.add(plain[0])
                self.at = plain.end()
                continue
            if char == stop:
                self.next()
                return "".join(result), collected.end()
            if char in special:
                value = special[char]()
                result.append(value)
                (collected.add if char == "$" else collected.add_whole)(value)
                continue
            self.next()
            if char == self.escape:
                if self.raw_escapes:
                    collected.add_whole(char)
                    result.append(char)
                char = self.next()  # at the end of the word the escape character stands for nothing
                collected.add_whole(char)
            else:
                collected.add(char)
            result.append(char)
        if stop:
            raise self.error(f"the closing {stop} is missing")
        return "".join(result), collected.end()

    def heredoc(self) -> str:
        """`<<` keeps the white space between it and the name in one word with it."""
        end = self.at + 1
        if self.text.startswith("<", end):
            end += 1
            while self.text[end : end + 1] in _BETWEEN and end < len(self.text):
                end += 1
        start, self.at = self.at, end
        return self.text[start:end]

    def single_quotes(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise self.error("the closing single quote is missing")
        inner = self.text[self.at + 1 : end]
        self.at = end + 1
        if self.pattern:
            inner = inner.replace(self.escape, self.escape * 2)
        return f"'{inner}'" if self.raw_quotes else inner

    def double_quotes(self) -> str:
        quote = self.next() if self.raw_quotes else ""
        self.at += not quote
        result = [quote]
        while char := self.peek():
            if char == "$":
                result.append(self.dollar())
                continue
            self.next()
            if char == '"':
                return "".join([*result, quote])
            if char == self.escape:
                following = self.peek()
                if not following:
                    break
                # Before any other character the escape character is itself, which a pattern needs twice.
                escapes = following in ('"', "$", self.escape)
                if self.raw_escapes and (escapes or not self.raw_quotes or self.pattern):
                    result.append(char)
                if escapes:
                    char = self.next()
            result.append(char)
        raise self.error("the closing double quote is missing")

    def dollar(self) -> str:
        self.next()
        if self.peek() != "{":
            name = self.name()
            if not name:
                return "$"
            value = self.get(name)
            return self.kept(f"${name}") if value is None else value
        self.next()
        if self.peek() in ("{", "}", ":"):
            raise self.error("a substitution needs a name: ${name}")
        name = self.name()
        operator = self.next()
        if operator == "}":
            value = self.get(name)
            return self.kept(f"${{{name}}}") if value is None else value
        if operator == "/":
            return self.replace(name)
        colon = operator == ":"
        if colon:
            operator = self.next()
        if operator not in ("+", "-", "?", "#", "%") or (colon and operator in "#%"):
            raise self.error(f"the modifier {':' * colon}{operator} is not known" if operator else "a } is missing")
        return self.modify(name, operator, colon=colon)

    def modify(self, name: str, operator: str, *, colon: bool) -> str:
        word, _ = self.until("}", raw_escapes=operator in "#%", pattern=operator in "#%")
        value = self.get(name)
        if value is None and self.keep_unset:
            return f"${{{name}{':' * colon}{operator}{word}}}"
        lacks = value is None or (colon and value == "")
        if operator == "-":
            return word if lacks else value or ""
        if operator == "+":
            return "" if lacks else word
        if operator == "?":
            if lacks:
                raise self.error(f"{name}: {word or ('is empty' if value == '' else 'is not set')}")
            return value or ""
        longest = word[:1] == operator
        try:
            return (glob.without_prefix if operator == "#" else glob.without_suffix)(
                word[longest:], value or "", longest=longest
            )
        except ValueError as error:
            raise self.error(str(error)) from error

    def replace(self, name: str) -> str:
        every = self.peek() == "/"
        self.at += every
        pattern, _ = self.until("/", raw_escapes=True, pattern=True)
        replacement, _ = self.until("}", raw_escapes=True)
        value = self.get(name)
        if value is None and self.keep_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        try:
            return self.bounded(glob.replaced(pattern, replacement, value or "", every=every))
        except ValueError as error:
            raise self.error(str(error)) from error

    def name(self) -> str:
        start = self.at
        char = self.peek()
        if char.isdecimal():
            while self.peek().isdecimal():
                self.next()
        elif char and char in _SPECIAL:
            self.next()
        else:
            while (char := self.peek()) and (char.isalpha() or char.isdecimal() or char == "_"):
                self.next()
        return self.text[start : self.at]

    def get(self, name: str) -> str | None:
        value = self.env.get(name.upper() if self.windows else name)
        (self.missing if value is None else self.used).add(name)
        return None if value is None else self.bounded(value)

    def kept(self, written: str) -> str:
        return written if self.keep_unset else ""

    def bounded(self, value: str) -> str:
        # `ENV a=$a$a`, line after line, doubles every time.
        self.size += len(value)
        if self.size > _LONGEST:
            raise self.error(f"the result is longer than {_LONGEST} characters")
        return value


def _shown(text: str, *, bare: bool = False) -> str:
    text = text if len(text) <= 120 else text[:119] + "…"
    return text.encode("utf-8", "replace").decode() if bare else repr(text)
