"""What a RUN step leaves besides its layer."""

import msgspec


class Unsaid(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a command did that its layer does not tell, but that whoever goes on from its own folder sees.

    Attributes:
        times: of folders of which nothing else has changed.
        names: paths that are one file there, while only some of them are in the layer.
    """

    times: dict[str, int] = {}
    names: tuple[tuple[str, ...], ...] = ()
