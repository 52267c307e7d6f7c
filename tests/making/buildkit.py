"""A real BuildKit daemon, and builds by it whose result can be read like one of ours."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockyard.content.layout import Layout
from dockyard.images.archive import load
from dockyard.images.image import Image, open_image


class PeerFailedError(Exception):
    """BuildKit refused or failed a build; the text is what it said."""


class BuildKit:
    """Builds by the daemon that listens at `socket`.

    Args:
        buildctl: the client's path.
        socket: the daemon's.
        layout: an OCI layout folder with the base images.
    """

    def __init__(self, buildctl: str, socket: Path, layout: Path) -> None:
        self._buildctl, self._socket, self._layout = buildctl, socket, layout

    def build(
        self,
        context: Path,
        place: Path,
        *,
        dockerfile: str = "Dockerfile",
        args: Mapping[str, str] | None = None,
        target: str = "",
        bases: Mapping[str, str] | None = None,
        extra: tuple[str, ...] = (),
        output: str = "",
    ) -> Image:
        """The image of a context, exported to `place` and read from there.

        Args:
            context: the folder; its Dockerfile is taken.
            place: for the export; made.
            dockerfile: the file's name in it.
            args: build arguments.
            target: the stage.
            bases: digests in the layout by the name that FROM uses.
            extra: further words for buildctl.
            output: what else the exporter is told, as `key=value`.

        Raises:
            PeerFailedError: with BuildKit's words.
        """
        place.mkdir(parents=True)
        out = place / "image.tar"
        words = [self._buildctl, "--addr", f"unix://{self._socket}", "build", "--progress=plain"]
        words += ["--frontend=dockerfile.v0", "--local", f"context={context}", "--local", f"dockerfile={context}"]
        words += ["--opt", f"filename={dockerfile}", "--output", f"type=oci,dest={out}" + f",{output}" * bool(output)]
        words += [f"--opt=build-arg:{name}={value}" for name, value in (args or {}).items()]
        words += [f"--opt=target={target}"] if target else []
        words += [f"--oci-layout=bases={self._layout}"]
        for name, digest in (bases or {}).items():
            words.append(f"--opt=context:{name}=oci-layout://bases@{digest}")
        done = subprocess.run([*words, *extra], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise PeerFailedError(done.stderr[-3000:])
        store = Layout(place / "store", create=True)
        with open(out, "rb") as stream:
            (descriptor,) = load(stream, store).values()
        return open_image(store, descriptor)

    def lint(self, context: Path, *, bases: Mapping[str, str]) -> set[str]:
        """What the checks of `docker build --check` find in a context's Dockerfile, `rule:first-last` with its lines.

        Args:
            context: the folder.
            bases: digests in the layout by the name that FROM uses.

        Raises:
            PeerFailedError: with BuildKit's words.
        """
        words = [self._buildctl, "--addr", f"unix://{self._socket}", "build", "--progress=plain"]
        words += ["--frontend=dockerfile.v0", "--local", f"context={context}", "--local", f"dockerfile={context}"]
        words += ["--opt=requestid=frontend.lint", f"--oci-layout=bases={self._layout}"]
        words += [f"--opt=context:{name}=oci-layout://bases@{digest}" for name, digest in bases.items()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=100)
        if done.returncode != 0:
            raise PeerFailedError(done.stderr[-3000:])
        found: set[str] = set()
        for part in re.split(r"^WARNING: ", done.stdout, flags=re.MULTILINE)[1:]:
            lines = [int(line) for line in re.findall(r"^\s*(\d+) \| >>>", part, re.MULTILINE)] or [0]
            found.add(f"{re.split('[^A-Za-z]', part)[0]}:{min(lines)}-{max(lines)}")
        return found

    def answer(self, context: Path, request: str, args: Mapping[str, str], target: str = "") -> str:
        """What the frontend answers to a request like `frontend.outline`, as the table that people are shown.

        Raises:
            PeerFailedError: with BuildKit's words.
        """
        words = [self._buildctl, "--addr", f"unix://{self._socket}", "build", "--progress=quiet"]
        words += ["--frontend=dockerfile.v0", "--local", f"context={context}", "--local", f"dockerfile={context}"]
        words += [f"--opt=requestid={request}", *(f"--opt=build-arg:{name}={value}" for name, value in args.items())]
        words += [f"--opt=target={target}"] if target else []
        done = subprocess.run(words, capture_output=True, text=True, timeout=100)
        if done.returncode != 0:
            raise PeerFailedError(done.stderr[-3000:])
        return done.stdout


@contextmanager
def running(buildkitd: str, buildctl: str, place: Path, layout: Path) -> Iterator[BuildKit]:
    """A daemon with its state below `place`, ended with the block."""
    socket = place / "buildkitd.sock"
    words = [buildkitd, "--root", str(place / "root"), "--addr", f"unix://{socket}", "--oci-worker-binary=runc"]
    words += ["--containerd-worker=false", "--oci-worker-net=host", "--config", str(place / "none.toml")]
    place.mkdir(parents=True, exist_ok=True)
    (place / "none.toml").write_text("")
    with open(place / "buildkitd.log", "wb") as log:
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        child = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        try:
            deadline = time.monotonic() + 30
            probe = [buildctl, "--addr", f"unix://{socket}", "debug", "workers"]
            while subprocess.run(probe, capture_output=True).returncode != 0:
                if child.poll() is not None or time.monotonic() > deadline:
                    raise PeerFailedError((place / "buildkitd.log").read_text()[-3000:])
                time.sleep(0.1)
            yield BuildKit(buildctl, socket, layout)
        finally:
            child.terminate()
            child.wait(30)
