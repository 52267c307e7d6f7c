"""Words for true and false in the values of flags, as Docker's tools take them."""

_TRUE, _FALSE = ("1", "t", "true", ""), ("0", "f", "false")


def meant(text: str) -> bool | None:
    """What `text` says, in either case; None where it is neither. A key without a value is true."""
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None
