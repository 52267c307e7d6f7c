"""What can be wrong with an archive or layer."""

from dockyard.errors import Error


class ArchiveInvalidError(Error):
    """An archive or layer is not a tar file, or its headers contradict themselves."""

    reference = "archive-invalid"
    hint = "The archive is damaged or of another kind; make or fetch it again."


class ArchiveTruncatedError(ArchiveInvalidError):
    """An archive or layer ends in the middle of a member."""

    reference = "archive-truncated"
    hint = "It was cut off while it was written or sent; make or fetch it again."


class ArchiveEscapeError(ArchiveInvalidError):
    """A member of an archive has a name or link that leads out of the folder it is unpacked into."""

    reference = "archive-escape"
    hint = "No honest tool makes such an archive; nothing of it was unpacked outside. Do not use it."


class ArchiveUnfitError(ArchiveInvalidError):
    """An archive has a member that no file system here can hold: its name, owner, time or device is beyond bounds."""

    reference = "archive-unfit"
    hint = "Make the archive without that member."


class ArchiveBombError(ArchiveInvalidError):
    """An archive or layer unpacks to far more than its size allows for: to more than 16 GiB and 1,100 times its size,
    which gzip never reaches. It was made to fill disks. One member that says so of itself is refused before it is read.
    """

    reference = "archive-bomb"
    hint = "If it is yours and holds nothing but zeros, say, pack it with gzip, or its holes as holes (tar --sparse)."


class LayerMismatchError(ArchiveInvalidError):
    """A layer does not hold the tar that the image's configuration names (its diff ID)."""

    reference = "layer-mismatch"
    hint = "The image or build cache is damaged or forged; do not use it. Fetch or build it again."
