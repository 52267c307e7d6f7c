"""What an image shows of its making."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockyard.content.layout import Layout
from dockyard.images.image import Image
from dockyard.images.measure import dynamic, leftovers, program
from dockyard.layers.tar import Entry
from making.images import image, layer


@pytest.fixture
def store(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "store", create=True)


def elf(*needed: str, interpreter: str = "", wide: bool = True, order: str = "<") -> bytes:
    """An ELF file with a header, program headers, an interpreter and a dynamic section, and nothing to run."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    head, each = (64, 56) if wide else (52, 32)
    count = 1 + bool(interpreter) + bool(needed)
    base = 0x400000
    at_strings = head + each * count
    at_interpreter = at_strings + len(strings)
    at_dynamic = at_interpreter + len(interpreter) + 1
    tags = [(1, strings.index(b"\0" + name.encode() + b"\0") + 1) for name in needed] + [(5, base + at_strings), (0, 0)]
    table = b"".join(struct.pack(f"{order}qQ" if wide else f"{order}iI", *tag) for tag in tags)
    size = at_dynamic + len(table)

    def segment(kind: int, start: int, length: int) -> bytes:
        if wide:
            return struct.pack(f"{order}IIQQQQQQ", kind, 4, start, base + start, 0, length, length, 8)
        return struct.pack(f"{order}IIIIIIII", kind, start, base + start, 0, length, length, 4, 4)

    segments = segment(1, 0, size)
    segments += segment(3, at_interpreter, len(interpreter) + 1) if interpreter else b""
    segments += segment(2, at_dynamic, len(table)) if needed else b""
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    words = "QQQ" if wide else "III"
    rest = struct.pack(f"{order}HHI{words}IHHHHHH", 2, 62, 1, 0, head, 0, 0, head, each, count, 0, 0, 0)
    return ident + rest + segments + strings + interpreter.encode() + b"\0" + table


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_elf_file_tells_what_it_needs(wide: bool, order: str) -> None:
    data = elf("libc.so.6", "libm.so.6", interpreter="/lib/ld.so", wide=wide, order=order)
    assert dynamic(data) == ("/lib/ld.so", ("libc.so.6", "libm.so.6"))
    assert dynamic(elf(wide=wide, order=order)) == ("", ())


def test_this_machines_own_programs_are_read() -> None:
    data = Path("/bin/sh").resolve().read_bytes()
    found = dynamic(data)
    if not data.startswith(b"\x7fELF"):
        pytest.skip("/bin/sh is no ELF file here")
    assert found is not None
    assert all(".so" in name for name in found[1])


@given(st.binary(max_size=200), st.integers(0, 400))
@example(b"\xff" * 30, 32)  # tables far beyond the file
def test_no_bytes_make_the_reader_fail(noise: bytes, at: int) -> None:
    data = elf("libc.so.6", interpreter="/lib/ld.so")
    for each in (noise, b"\x7fELF" + noise, data[:at], data[:at] + noise + data[at + len(noise) :]):
        dynamic(each)


def server(store: Layout, data: bytes, **config: Any) -> Image:
    base = layer(store, {"bin/sh": b"s" * 100, "var/lib/dpkg/status": b"Package: a\nVersion: 1\nStatus: x installed\n"})
    return image(store, base, layer(store, {"srv/server": data}), config=config)


def test_a_static_program_is_known_as_one(store: Layout) -> None:
    found = program(server(store, elf(), Entrypoint=["/srv/server"]))
    assert found is not None
    assert (found.path, found.static, found.packages) == ("/srv/server", True, 1)
    assert found.image_size > found.size + 100


@pytest.mark.parametrize(
    "config",
    [
        {"Cmd": ["server"], "Env": ["PATH=/bin:/srv"]},
        {"Cmd": ["./server"], "WorkingDir": "/srv"},
        {"Entrypoint": ["/srv/server"], "Cmd": ["--help"]},
    ],
)
def test_the_program_is_found_as_the_container_would(store: Layout, config: dict[str, Any]) -> None:
    found = program(server(store, elf("libc.so.6", interpreter="/lib/ld.so"), **config))
    assert found is not None
    assert (found.path, found.static, found.needed) == ("/srv/server", False, ("libc.so.6",))


@pytest.mark.parametrize("config", [{}, {"Cmd": ["nothing"]}, {"Entrypoint": ["/srv"]}, {"Cmd": [1]}])
def test_no_program_is_none(store: Layout, config: dict[str, Any]) -> None:
    assert program(server(store, elf(), **config)) is None


def test_a_script_is_no_program_of_its_own(store: Layout) -> None:
    assert program(server(store, b"#!/bin/sh -e\nexec x\n", Entrypoint=["/srv/server"])) is None


def test_files_left_behind_are_counted_by_layer(store: Layout) -> None:
    first = layer(
        store,
        {
            "var/lib/apt/lists/a": b"x" * 1000,
            "var/lib/apt/lists/b/c": b"x" * 500,
            "app/x/__pycache__/m.pyc": b"x" * 10,
            "var/lib/apt/lists.txt": b"x" * 9999,
            "root/.cache/pip/d": b"",
        },
    )
    second = layer(store, {"root/.npm/e": b"x" * 700, "var/lib/apt/.wh.lists": Entry("", size=0)})
    found = leftovers(image(store, first, second))
    assert [(each.place, each.files, each.size, each.step, each.hidden) for each in found] == [
        ("/var/lib/apt/lists", 2, 1500, "layer 0", True),
        ("~/.npm", 1, 700, "layer 1", False),
        ("__pycache__", 1, 10, "layer 0", False),
    ]
