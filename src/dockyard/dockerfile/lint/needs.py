"""Which files of the build context a RUN needs, as far as its commands tell."""

import re

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.script import commands, operands, script, values, verb

# What installs the application's own dependencies, and the files that it needs for that.
_DEPENDENCIES = {
    ("pip", "install"): "requirements.txt",
    ("pip3", "install"): "requirements.txt",
    ("uv", "sync"): "pyproject.toml uv.lock",
    ("poetry", "install"): "pyproject.toml poetry.lock",
    ("npm", "ci"): "package.json package-lock.json",
    ("npm", "install"): "package.json package-lock.json",
    ("yarn", "install"): "package.json yarn.lock",
    ("pnpm", "install"): "package.json pnpm-lock.yaml",
    ("go", "mod"): "go.mod go.sum",
    ("bundle", "install"): "Gemfile Gemfile.lock",
    ("composer", "install"): "composer.json composer.lock",
    ("cargo", "fetch"): "Cargo.toml Cargo.lock",
    ("mvn", "dependency:go-offline"): "pom.xml",
}
_SYSTEM = {
    "apt-get": ("install", "update", "upgrade", "clean", "autoremove"),
    "apt": ("install", "update", "upgrade"),
    "apk": ("add", "update", "upgrade"),
    "yum": ("install", "update", "clean"),
    "dnf": ("install", "update", "clean"),
    "microdnf": ("install", "update", "clean"),
    "zypper": ("install", "in", "clean", "cc"),
    "gem": ("install",),
}
_ALWAYS = ("adduser", "addgroup", "useradd", "groupadd")


def needs(run: Run) -> str | None:
    """The files of the context that `run` needs as far as can be told: "" for none, None where it may need any."""
    wanted: list[str] = []
    stable = False
    if re.search(r"(?<!<)<(?![<(])", script(run)):
        return None  # a list of names, for one, may be read from any file
    for command in commands(run):
        program, words = command[0].rsplit("/", 1)[-1], command
        if program in ("python", "python3") and words[1:3] == ["-m", "pip"]:
            program, words = "pip", words[2:]
        action = verb(words)
        if (
            action in _SYSTEM.get(program, ())
            or program in _ALWAYS
            or (program in ("pip", "pip3", "npm", "yarn") and action in ("install", "add") and _only_names(words))
        ):
            stable = True
        elif (program, action) in _DEPENDENCIES and not _installs_context(program, words):
            if any("://" not in place for place in values(words, "--find-links", "-f")):
                return None  # packages that lie in the context
            files = values(words, "-r", "--requirement")
            wanted += files or _DEPENDENCIES[program, action].split()
        elif program in ("rm", "set", "echo", "mkdir", "true", "export", "cd") or program in ("curl", "wget"):
            stable = stable or program in ("curl", "wget")
        else:
            return None
    if wanted:
        return " ".join(dict.fromkeys(wanted))
    return "" if stable else None


def _only_names(words: list[str]) -> bool:
    names = operands(words)[1:]
    local = any(name.startswith((".", "/")) or "/" in name or name.endswith((".txt", ".whl")) for name in names)
    return bool(names) and not local and not {"-r", "--requirement", "-e", "--editable"} & set(words)


def _installs_context(program: str, words: list[str]) -> bool:
    return (
        program.startswith("pip")
        and any(name in (".", "./") or name.startswith(("./", ".[", "/")) for name in operands(words)[1:])
        and not any(word.startswith(("-r", "--requirement")) for word in words)
    )
