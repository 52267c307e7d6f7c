"""Files put into a root file system and taken out again."""

from pathlib import Path

import pytest

from dockyard.runtime.bundle import Mount
from dockyard.runtime.inside import place
from dockyard.runtime.placing import placed


def test_everything_is_as_it_was_afterwards_but_what_is_kept(tmp_path: Path) -> None:
    root, own, aside = tmp_path / "root", tmp_path / "own", tmp_path / "aside"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "hosts").write_text("the image's")
    (own / "cache").mkdir(parents=True)
    hosts = tmp_path / "hosts"
    hosts.write_text("the machine's")
    mounts = [
        Mount(str(hosts), "/etc/hosts"),
        Mount(str(own / "cache"), "/var/cache", False),
        Mount("tmpfs", "/tmp/t", False, "tmpfs"),
    ]
    with placed(root, mounts, own, aside):
        assert (root / "etc" / "hosts").read_text() == "the machine's"
        (root / "var" / "cache" / "kept").write_text("kept")
        (root / "tmp" / "t" / "dropped").write_text("dropped")
    assert (root / "etc" / "hosts").read_text() == "the image's"
    assert (own / "cache" / "kept").read_text() == "kept"
    assert not (root / "var" / "cache").exists()
    assert not (root / "tmp" / "t").exists()
    assert hosts.read_text() == "the machine's"


def test_links_in_the_root_lead_nowhere_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "run").symlink_to("../../../../outside")
    (root / "etc" / "hosts").symlink_to("/other/hosts")
    assert place(str(root), "/run/x", folder=True) == f"{root}/outside/x"
    assert place(str(root), "/etc/hosts", folder=False) == f"{root}/other/hosts"
    assert not (tmp_path / "outside").exists()
    (root / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="too many links"):
        place(str(root), "/loop/x", folder=True)
