"""Who a process in a container is: the USER of an image resolved by the image's own passwd and group files."""

from dataclasses import dataclass

from dockyard.errors import Error

_MOST_ID = (1 << 31) - 1


class UserUnknownError(Error):
    """The image's /etc/passwd or /etc/group does not know the user or group that is asked for by name."""

    reference = "user-unknown"
    hint = "Add the user in the Dockerfile (RUN useradd …) or name it by number."


@dataclass(frozen=True)
class User:
    """Numbers for the kernel, and the home folder."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def resolve_user(text: str, passwd: bytes, group: bytes, *, numbers: bool = False) -> User:
    """The user that `text` (`user`, `uid`, `user:group`, any mixed) means; an empty text is root.

    A number without an entry in passwd has group 0 and no further groups, as Docker has it. Naming a group leaves out
    the further groups. With `numbers`, a number is one even where a user or group is called so: BuildKit's RUN takes
    it so, while engines look for the name first.

    Raises:
        UserUnknownError: a name is not in the file, or a number is out of range.
    """
    name, colon, group_name = (text or "0").partition(":")
    entry = _find(_lines(passwd, 7), name, 2, numbers)
    if entry is None and not name.isdigit():
        raise UserUnknownError(f"the image has no user {name!r}", context={"user": text})
    uid = _number(entry[2] if entry else name)
    gid = _number(entry[3]) if entry else 0
    groups: tuple[int, ...] = ()
    if colon and group_name:
        found = _find(_lines(group, 4), group_name, 2, numbers)
        if found is None and not group_name.isdigit():
            raise UserUnknownError(f"the image has no group {group_name!r}", context={"user": text})
        gid = _number(found[2] if found else group_name)
    elif entry:
        groups = tuple(_number(line[2]) for line in _lines(group, 4) if entry[0] in line[3].split(","))
    return User(uid, gid, groups, (entry[5] if entry else "") or "/")


def _lines(data: bytes, fields: int) -> list[list[str]]:
    lines = (line.split(":") for line in data.decode("utf-8", "surrogateescape").splitlines())
    return [parts for parts in lines if len(parts) >= fields]


def _find(lines: list[list[str]], name: str, number: int, numbers: bool) -> list[str] | None:
    for parts in lines:
        if parts[0] == name and not (numbers and name.isdigit()):
            return parts
    return next((parts for parts in lines if name.isdigit() and parts[number] == name), None)


def _number(text: str) -> int:
    if not text.isdigit() or int(text) > _MOST_ID:
        raise UserUnknownError(f"not a user or group number: {text!r}")
    return int(text)
