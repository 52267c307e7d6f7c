"""scripts/system.sh where nothing is missing, without root, and off Debian, with programs that only pretend."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts" / "system.sh"


class Machine:
    """A PATH with pretended programs; `log` has what they were asked for."""

    def __init__(self, folder: Path, *, user: int, installed: str) -> None:
        self.folder, self.log = folder, folder / "log"
        folder.mkdir()
        shown = f'case $* in *" {installed or "none"}") echo "install ok installed" ;; *) exit 1 ;; esac'
        if installed == "all":
            shown = 'echo "install ok installed"'
        self.program("dpkg-query", shown)
        self.program("id", f"echo {user}")
        self.program("apt-get", f'echo "$@" >> {self.log}')
        for name in ("cat", "grep", "tr", "sh"):
            (folder / name).symlink_to(shutil.which(name) or "")

    def program(self, name: str, body: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.folder / name).chmod(0o755)

    def run(self, what: str, *, marker: str = "/etc/debian_version") -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": str(self.folder), "DOCKYARD_DEBIAN_MARKER": marker}
        if not Path("/etc/debian_version").exists():
            environment["DOCKYARD_DEBIAN_MARKER"] = str(self.folder / "id") if marker.startswith("/etc") else marker
        return subprocess.run(["/bin/sh", str(SCRIPT), what], env=environment, capture_output=True, text=True)

    def asked(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def test_where_nothing_is_missing_nothing_is_done_or_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "m", user=1000, installed="all")
    done = machine.run("run")
    assert (done.returncode, done.stdout, done.stderr, machine.asked()) == (0, "", "", "")


@pytest.mark.parametrize("what", ["run", "test", "venv"])
def test_without_root_the_one_command_is_printed_and_the_target_stops(tmp_path: Path, what: str) -> None:
    machine = Machine(tmp_path / "m", user=1000, installed="runc")
    done = machine.run(what)
    assert done.returncode == 1
    assert machine.asked() == ""
    (command,) = [line for line in done.stderr.splitlines() if "apt-get install" in line]
    assert command.strip().startswith("sudo apt-get update && sudo apt-get install -y")
    names = command.split("--no-install-recommends")[1].split()
    assert names
    assert "runc" not in names
    for name in names:  # each with its reason
        assert f"  {name}: " in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="writes /usr/sbin/policy-rc.d as root does")
def test_as_root_what_is_missing_is_installed_without_asking(tmp_path: Path) -> None:
    before = os.path.exists("/usr/sbin/policy-rc.d")
    machine = Machine(tmp_path / "m", user=0, installed="haproxy")
    for name in ("rm", "chmod"):
        (machine.folder / name).symlink_to(shutil.which(name) or "")
    done = machine.run("run")
    assert done.returncode == 0, done.stderr
    update, install = machine.asked().splitlines()
    assert update.startswith("update")
    assert " -y " in f"{install} "
    assert "runc" in install
    assert "haproxy" not in install
    assert os.path.exists("/usr/sbin/policy-rc.d") == before


@pytest.mark.parametrize("what", ["run", "test", "venv"])
def test_off_debian_it_says_what_works_and_goes_on(tmp_path: Path, what: str) -> None:
    machine = Machine(tmp_path / "m", user=1000, installed="none")
    done = machine.run(what, marker=str(tmp_path / "absent"))
    assert done.returncode == 0
    assert machine.asked() == ""
    if what == "run":
        assert "Works: everything but RUN" in done.stderr
        assert "runc, haproxy" in done.stderr
    (machine.folder / "apt-get").unlink()  # Debian's marker alone, as in a container of another system
    assert machine.run(what).returncode == 0


# Where the programs that tests ask for come from. `make peers` builds some; wheels bring others.
_PACKAGES = {
    "buildah": "buildah",
    "busybox": "busybox-static",
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "containerd": "containerd",
    "ctr": "containerd",
    "curl": "curl",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "docker-registry": "docker-registry",
    "git": "git",
    "gpg": "gnupg",
    "haproxy": "haproxy",
    "nginx": "nginx-light",
    "pasta": "passt",
    "podman": "podman",
    "runc": "runc",
    "skopeo": "skopeo",
    "slapadd": "slapd",
    "slapd": "slapd",
    "slirp4netns": "slirp4netns",
    "ssh-agent": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tinyproxy": "tinyproxy-bin",
}
_ELSEWHERE = {"apt-get", "dpkg-query", "setpriv", "tar", "unshare", "id", "hadolint", "cosign", "helm"}


def test_what_tests_would_be_skipped_without_is_installed_for_them() -> None:
    """Else `make test` passes on a fresh machine and has tried half of it."""
    listed = set(re.findall(r"^([a-z0-9.-]+):", SCRIPT.read_text(), re.MULTILINE))
    asked = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for name in re.findall(r"\b(?:program|program_of|which)\(\"([a-z0-9.-]+)\"", path.read_text())
    }
    assert asked - _ELSEWHERE - _PACKAGES.keys() == set(), "say here what brings it"
    assert {_PACKAGES[name] for name in asked & _PACKAGES.keys()} <= listed
