"""The options of overlay mounts."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dockyard.runtime.rootfs import Overlay


def test_a_layer_that_comes_twice_is_named_once_where_it_lies_highest() -> None:
    lowers = [Path("/a"), Path("/b"), Path("/a"), Path("/c")]
    assert Overlay(lowers).options() == "lowerdir=/c:/a:/b"


def test_in_a_user_namespace_overlayfs_keeps_its_attributes_as_the_users() -> None:
    options = Overlay([Path("/a")], Path("/u"), Path("/w"), user=True).options()
    assert options == "lowerdir=/a,upperdir=/u,workdir=/w,userxattr"


@pytest.mark.parametrize(
    ("release", "volatile"), [("6.1.0-18-amd64", True), ("5.10.0", True), ("5.4.0-150-generic", False), ("odd", False)]
)
def test_what_only_passes_is_not_brought_to_the_disk_where_the_kernel_can_leave_it(
    monkeypatch: pytest.MonkeyPatch, release: str, volatile: bool
) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(release=release))
    place = [Path("/a")], Path("/u"), Path("/w")
    assert Overlay(*place, passing=True).options().endswith(",volatile") == volatile
    assert not Overlay(*place).options().endswith(",volatile"), "what stays has to reach the disk"
    assert not Overlay([Path("/a")], passing=True).options().endswith(",volatile"), "nothing is written there"
