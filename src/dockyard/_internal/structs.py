"""Loads msgspec, and little with it."""

import sys


def loaded() -> None:
    """Load msgspec without `typing_extensions`: where that is installed, it takes words from there that nothing here
    uses and the standard library has, and loading it takes longer than all the rest of msgspec. Later, anybody may.
    """
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # whoever asks hears that there is none
    try:
        import msgspec  # noqa: F401 (it is there for all who ask for it later)
    finally:
        del sys.modules["typing_extensions"]
