"""ShellCheck's comments on the scripts of RUN, as findings of this linter."""

from collections.abc import Iterable
from dataclasses import dataclass

from dockyard.dockerfile.lint import silence
from dockyard.dockerfile.lint.finding import LintFinding, Severity
from dockyard.dockerfile.lint.options import Options
from dockyard.dockerfile.lint.scripts import ShellScript
from dockyard.dockerfile.node import Dockerfile

_SEVERITIES: dict[str, Severity] = {"error": "error", "warning": "warning", "style": "style"}
WHY = "ShellCheck reads the script as the shell will: https://www.shellcheck.net/wiki/"
# It cannot follow files that lie in the image, and says nothing of use about BusyBox's shell being taken for dash.
LEFT_OUT = ("SC1090", "SC1091", "SC2187")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment of ShellCheck on a script: the number of its rule, its level, and the place in the script."""

    number: int
    level: str
    line: int
    column: int
    message: str


def heard(
    dockerfile: Dockerfile,
    comments: Iterable[tuple[ShellScript, Comment]],
    *,
    only: Iterable[str] = (),
    without: Iterable[str] = (),
    options: Options | None = None,
) -> list[LintFinding]:
    """The findings for `comments`, by line, without those that a comment in the file silences.

    Args:
        dockerfile: the file.
        comments: what was said about which script.
        only: the rules that were asked for, as `rules.named` gives them; all where there are none.
        without: the rules that were to be left out.
        options: settings about comments and severities.
    """
    wanted, unwanted = set(only), set(without)
    settings = options or Options()
    everywhere = silence.everywhere(dockerfile, pragmas=settings.pragmas)
    found: dict[tuple[int, str, str], LintFinding] = {}
    for script, each in comments:
        code = f"SC{each.number}"
        names = {code, "shellcheck"}
        if each.line < 2 or code in LEFT_OUT or (wanted and not names & wanted) or names & unwanted:
            continue
        line, _ = script.place(each.line, each.column)
        silenced = set(everywhere)
        if settings.pragmas:
            silenced |= silence.on_line(dockerfile, script.line) | silence.on_line(dockerfile, line)
        if silenced & {code.lower(), "shellcheck", "all"}:
            continue
        source = dockerfile.lines[line - 1] if line <= len(dockerfile.lines) else ""
        clean = source.encode("utf-8", "replace").decode()
        asked = settings.severities.get(code) or settings.severities.get("shellcheck")
        severity = asked or _SEVERITIES.get(each.level, "info")
        message = each.message.rstrip(".")
        found[line, code, message] = LintFinding(
            code, severity, line, line, message, WHY + code, "", clean, ("shellcheck",)
        )
    return sorted(found.values(), key=lambda each: (each.line, each.rule))
