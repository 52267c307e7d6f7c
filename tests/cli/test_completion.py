"""`dockyard completion`: real shells complete what is there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dockyard.cli.main import run

CASES = [
    ("dockyard bui", {"build", "builds"}, {"ship"}),
    ("dockyard registry re", {"retention", "replication"}, {"user"}),
    ("dockyard registry user ", {"list", "add", "set", "rm"}, {"--admin"}),
    ("dockyard registry user --ad", {"--admin"}, {"--add-host"}),
    ("dockyard build --pr", {"--progress", "--print", "--provenance", "--processors"}, {"--push"}),
    ("dockyard lint --format s", {"sarif", "sonarqube"}, {"text"}),
    ("dockyard save --no", set(), {"--no-json"}),
    ("dockyard lint --no-s", {"--no-shellcheck"}, set()),
    ("dockyard build -f Docker", {"Dockerfile"}, {"build"}),
    ("dockyard lint Docker", {"Dockerfile"}, {"build"}),
]
# Each prints the candidates for $1, a line each.
_BASH = """
. ./completion
read -ra COMP_WORDS <<<"$1"
case $1 in *' ') COMP_WORDS+=('');; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_dockyard
# What readline does where the function has nothing to say (-o default).
[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
printf '%s\\n' "${COMPREPLY[@]}"
"""
_ZSH = """
autoload -Uz compinit && compinit -u -D
. ./completion
COMP_WORDS=(${=1}); [[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS} - 1))
compgen -F _dockyard -- "${COMP_WORDS[-1]}"
"""
_FISH = """
source ./completion
complete -C "$argv[1]" | string replace -r '\\t.*' ''
"""
SHELLS = {"bash": ["--norc", "-c", _BASH, "bash"], "zsh": ["-f", "-c", _ZSH, "zsh"], "fish": ["-N", "-c", _FISH]}


@pytest.mark.slow
@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_a_shell_completes_what_is_there(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    assert run(["completion", shell]) == 0
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    (tmp_path / "Dockerfile").touch()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"}
    for words, offered, not_offered in CASES:
        if shell != "bash" and "Dockerfile" in offered:
            continue  # zsh and fish add files themselves, which shows on a terminal only
        command = [program, *SHELLS[shell], words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=20)
        # zsh itself leaves out what does not begin as the word does.
        found = {each for each in done.stdout.split() if each.startswith(words.rpartition(" ")[2])}
        assert offered <= found, f"{words!r}: {done.stderr}"
        assert not not_offered & found, words


def test_the_script_comes_as_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "bash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"].startswith("_dockyard() {")
