"""What a build begins with before its words are read and its modules are loaded: listing its context."""

TYPE_CHECKING = False  # `typing` takes longer to load than what is done here
if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockyard.build.sources.ahead import Ahead


def listed(words: "Sequence[str]") -> "Ahead | None":
    """What is known of the context that `words` seem to name, being compared with what is there now until it ends.

    Which word is the context shows only when all are read. The last that names a folder that was built before is
    taken for it; where it is another, nothing is lost but a little time of another processor.
    """
    from dockyard.build.sources.ahead import Ahead
    from dockyard.cli.folders import data_place

    data = data_place()
    plain = [word for word in words if not word.startswith("-")]
    found = [each for word in reversed(plain or ["."]) if (each := Ahead.at(word, data)) is not None]
    chosen = next((each for each in found if each.seen is not None), found[0] if found else None)
    if chosen is not None:
        chosen.begin()
    return chosen
