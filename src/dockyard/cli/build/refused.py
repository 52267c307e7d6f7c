"""Words of `docker build` that mean nothing here: dropped where they ask for what is done anyway, else refused."""

from collections.abc import Sequence

from dockyard.errors import UsageError

_NO_DAEMON = "Leave it out: Dockyard has no daemon and no builders; the build runs here."
_NO_LIMIT = "Leave it out and use --cgroup-parent with a control group that has the limit; --ulimit limits processes."
HINTS = {
    "--builder": _NO_DAEMON,
    "--driver": _NO_DAEMON,
    "--memory": "Use --memory-budget for the whole build, or --cgroup-parent for what RUN may take.",
    "-m": "Use --memory-budget for the whole build, or --cgroup-parent for what RUN may take.",
    "--memory-swap": _NO_LIMIT,
    "--cpu-period": _NO_LIMIT,
    "--cpu-quota": _NO_LIMIT,
    "--cpu-shares": _NO_LIMIT,
    "-c": _NO_LIMIT,
    "--cpuset-cpus": _NO_LIMIT,
    "--cpuset-mems": _NO_LIMIT,
    "--rm": "Leave it out: containers of steps are always removed; --on-error shell stops in one that failed.",
    "--isolation": "Leave it out: it is for Windows.",
    "--credential-spec": "Leave it out: it is for Windows.",
    "--security-opt": "Leave it out; RUN --security=insecure with --allow security.insecure gives every power.",
    "--disable-content-trust": "Leave it out; `dockyard verify` and the policy check signatures.",
    "--policy": "Leave it out: the policy stands in dockyard.toml, and `dockyard policy` judges by it.",
    "--source-policy-file": "Leave it out: pin bases by digest; `dockyard lint` finds those that are not.",
    "--server-config": _NO_DAEMON,
    "--debug": "Use `dockyard debug`, or --on-error shell.",
    "-D": "Use `dockyard debug`, or --on-error shell.",
    "--invoke": "Use `dockyard debug`, or --on-error shell.",
    "--on": "Use --on-error shell.",
    "--root": "Leave it out: there are no builds on a server; `dockyard builds` lists those that ran here.",
    "--detach": "Leave it out and let your shell run it in the background: dockyard build … &",
    "--use": _NO_DAEMON,
    "--no-console": "Use --progress=plain.",
    "--stream": _NO_DAEMON,
}


# Flags, each with the values that ask for what is done anyway.
_NEEDLESS = {
    "--rm": ("", "true", "1"),
    "--force-rm": ("", "true", "1", "false", "0"),
    "--compress": ("", "true", "1", "false", "0"),  # the context is read where it is and never sent
    "--isolation": ("default",),
    "--disable-content-trust": ("", "true", "1"),
}


def reduced(words: Sequence[str]) -> list[str]:
    """`words` without those of `docker build` that ask for what is done in any case."""
    kept: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*kept, word, *left]
        name, _, value = word.partition("=")
        if value in _NEEDLESS.get(name, ()):
            continue
        if name == word and left and left[0] in _NEEDLESS.get(name, ()):
            left.pop(0)
            continue
        kept.append(word)
    return kept


def refuse(words: Sequence[str]) -> None:
    """Refuse the first of `words` that is a flag of `docker build` which does not exist here.

    Raises:
        UsageError: with what to do instead.
    """
    for word in words:
        if word == "--":
            return
        name = word.partition("=")[0]
        if name in HINTS:
            raise UsageError(f"dockyard build does not take {name}", hint=HINTS[name])
