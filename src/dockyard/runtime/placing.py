"""A container's files and folders where nothing can be mounted: put in its root file system, and taken out again."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from dockyard.runtime.bundle import Mount
from dockyard.runtime.inside import place


@contextlib.contextmanager
def placed(root: Path, mounts: Sequence[Mount], own: Path, aside: Path) -> Iterator[None]:
    """Have what `mounts` name in `root` until the block ends.

    What is below `own` is moved in and back, so that changes to it last, as they would if it were mounted; everything
    else is copied in and deleted. What stood at a target waits in the folder `aside`. Read-only is not enforced.
    """
    with contextlib.ExitStack() as stack:
        for number, mount in enumerate(mounts):
            source = Path(mount.source)
            folder = mount.type != "bind" or source.is_dir()
            parent = Path(place(str(root), os.path.dirname(mount.target) or "/", folder=True))
            target = parent / os.path.basename(mount.target)
            if os.path.lexists(target):
                waiting = aside / str(number)
                waiting.parent.mkdir(parents=True, exist_ok=True)
                target.rename(waiting)
                stack.callback(waiting.rename, target)
            if mount.type != "bind":
                target.mkdir(mode=0o1777)
                target.chmod(0o1777)
                stack.callback(_removed, target)
            elif source.is_relative_to(own):
                source.rename(target)
                stack.callback(target.rename, source)
            else:
                if folder:
                    shutil.copytree(source, target, symlinks=True)
                else:
                    shutil.copyfile(source, target)
                    target.chmod(0o644)
                stack.callback(_removed, target)
        yield


def _removed(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
