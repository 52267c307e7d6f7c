"""The options of overlay mounts."""

from pathlib import Path

from dockyard.runtime.rootfs import Overlay


def test_a_layer_that_comes_twice_is_named_once_where_it_lies_highest() -> None:
    lowers = [Path("/a"), Path("/b"), Path("/a"), Path("/c")]
    assert Overlay(lowers).options() == "lowerdir=/c:/a:/b"


def test_in_a_user_namespace_overlayfs_keeps_its_attributes_as_the_users() -> None:
    options = Overlay([Path("/a")], Path("/u"), Path("/w"), user=True).options()
    assert options == "lowerdir=/a,upperdir=/u,workdir=/w,userxattr"
