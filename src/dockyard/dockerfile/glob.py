"""The patterns of `${v#p}` and its kin: `*` and `?`, a backslash before either is literal, no brackets.

`*` and `?` do not match a line feed. Matching takes time proportional to text times pattern, whatever the pattern.
"""

import re

_STAR = "star"
_ANY = "any"
_TEMPLATE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})?")


def without_prefix(pattern: str, text: str, *, longest: bool) -> str:
    """`text` without the shortest or longest beginning that `pattern` matches.

    Raises:
        ValueError: the pattern escapes a character that needs none.
    """
    end = _match(_tokens(pattern), text, 0, longest=longest)
    return text if end is None else text[end:]


def without_suffix(pattern: str, text: str, *, longest: bool) -> str:
    """`text` without the shortest or longest end that `pattern` matches.

    Raises:
        ValueError: the pattern escapes a character that needs none.
    """
    end = _match(_tokens(_reversed(pattern)), text[::-1], 0, longest=longest)
    return text if end is None else text[: len(text) - end]


def replaced(pattern: str, replacement: str, text: str, *, every: bool) -> str:
    """`text` with the first match of `pattern`, or every one, replaced; matches are as long as possible.

    Where every one is replaced, a dollar sign in `replacement` is what it is to Go: `$0` stands for the match, another
    name for nothing, and two for one.

    Raises:
        ValueError: the pattern escapes a character that needs none.
    """
    tokens = _tokens(pattern)
    result: list[str] = []
    at = 0
    previous = -1
    while at <= len(text):
        end = _match(tokens, text, at, longest=True)
        # An empty match directly behind the last one does not count.
        if end is None or (end == at == previous):
            result.append(text[at : at + 1])
            at += 1
            continue
        result.append(_filled(replacement, text[at:end]) if every else replacement)
        if not every:
            return "".join(result) + text[end:]
        previous = end
        if end == at:
            result.append(text[at : at + 1])
            at += 1
        else:
            at = end
    return "".join(result)


def _filled(template: str, match: str) -> str:
    def part(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return match if name == "0" else "" if name else "$"

    return _TEMPLATE.sub(part, template)


def _reversed(pattern: str) -> str:
    """The pattern backwards, each escape before its character. A lone backslash at the end comes to escape the last."""
    return "".join(re.findall(r"\\.|.", pattern, re.DOTALL)[::-1])


def _tokens(pattern: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            if tokens[-1:] != [_STAR]:
                tokens.append(_STAR)
        elif char == "?":
            tokens.append(_ANY)
        elif char == "\\":
            following = pattern[at + 1 : at + 2]
            # `\}` and `\/` are escaped for the sake of `${}`: the backslash is no part of the pattern.
            if not following or following not in "}/*?\\":
                raise ValueError(f"\\{following} is not an escape that the pattern {pattern!r} may hold")
            tokens.append(following)
            at += 1
        else:
            tokens.append(char)
        at += 1
    return tokens


def _match(tokens: list[str], text: str, start: int, *, longest: bool) -> int | None:
    """Where the match that begins at `start` ends, or None. The states of an automaton are the bits of a number."""
    accept = 1 << len(tokens)
    stars = sum(1 << i for i, token in enumerate(tokens) if token is _STAR)
    wild = sum(1 << i for i, token in enumerate(tokens) if token is _ANY)
    letters: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if token is not _STAR and token is not _ANY:
            letters[token] = letters.get(token, 0) | 1 << i
    states = _closed(1, stars)
    found = start if states & accept else None
    for at in range(start, len(text)):
        if not states or (found is not None and not longest):
            break
        char = text[at]
        step = letters.get(char, 0) | (0 if char == "\n" else wild)
        states = _closed((states & step) << 1 | (0 if char == "\n" else states & stars), stars)
        if states & accept:
            found = at + 1
    return found


def _closed(states: int, stars: int) -> int:
    # Two stars never stand together, so one step reaches every state that needs no character.
    return states | (states & stars) << 1
