"""Members of tar archives, drawn at random and written."""

from hypothesis import strategies as st

from dockyard.layers.header import header
from dockyard.layers.tar import END, Entry, Kind, padding

KINDS: list[Kind] = ["file", "dir", "symlink", "hardlink", "char", "block", "fifo"]
part = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text: text not in (".", "..")
)
path = st.lists(part, min_size=1, max_size=5).map("/".join)
xattrs = st.dictionaries(st.sampled_from(["user.a", "security.capability"]), st.binary(max_size=20), max_size=2)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Entry, bytes]:
    """A member and its content."""
    kind: Kind = draw(st.sampled_from(KINDS))
    content = draw(st.binary(max_size=1500)) if kind == "file" else b""
    entry = Entry(
        draw(path),
        kind,
        draw(st.integers(0, 0o7777)),
        draw(st.integers(0, 2**31)),
        draw(st.integers(0, 2**31)),
        len(content),
        draw(st.integers(-(2**33), 2**35)),
        draw(path) if kind in ("symlink", "hardlink") else "",
        draw(st.integers(0, 255)) if kind in ("char", "block") else 0,
        draw(st.integers(0, 255)) if kind in ("char", "block") else 0,
        draw(xattrs),
    )
    return entry, content


def written(members: list[tuple[Entry, bytes]]) -> bytes:
    """An archive of these members."""
    return b"".join(header(entry) + content + padding(len(content)) for entry, content in members) + END
