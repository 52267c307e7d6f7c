"""Long text in little room."""


def cut(text: str, most: int) -> str:
    """The text in at most `most` characters; what does not fit goes, and an ellipsis stands for it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
