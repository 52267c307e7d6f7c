"""Who a process in a container is: the USER of an image resolved by the image's own passwd and group files."""

import re

import msgspec

from dockyard.errors import Error

_MOST_ID = (1 << 31) - 1


class UserUnknownError(Error):
    """The image's /etc/passwd or /etc/group does not know the user or group that is asked for by name."""

    reference = "user-unknown"
    hint = "Add the user in the Dockerfile (RUN useradd …) or name it by number."


class User(msgspec.Struct, frozen=True):
    """Numbers for the kernel, and the home folder."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def resolve_user(text: str, passwd: bytes, group: bytes, *, numbers: bool = False) -> User:
    """The user that `text` (`user`, `uid`, `user:group`, any mixed) means; an empty user is root.

    A number without an entry in passwd has group 0 and no further groups, as Docker has it. Naming a group leaves out
    the further groups. With `numbers`, a number is one even where a user or group is called so: BuildKit's RUN takes
    it so, while engines look for the name first. Lines that lack fields, or have a word for a number, are read as
    other tools read them: what is missing is empty, or 0.

    Raises:
        UserUnknownError: a name is not in the file, or a number is out of range.
    """
    name, group_name = (*text.split(":"), "")[:2]
    entry = _find(_lines(passwd, 7), name or "0", numbers=numbers)
    number = whole_number(name or "0")
    if entry is None and number is None:
        raise UserUnknownError(f"the image has no user {name!r}", context={"user": text})
    uid = _id(_number(entry[2]) if entry else number or 0)
    gid = _id(_number(entry[3])) if entry else 0
    groups: tuple[int, ...] = ()
    if group_name:
        found = _find(_lines(group, 4), group_name, numbers=numbers)
        number = whole_number(group_name)
        if found is None and number is None:
            raise UserUnknownError(f"the image has no group {group_name!r}", context={"user": text})
        gid = _id(_number(found[2]) if found else number or 0)
    elif entry:
        members = (line for line in _lines(group, 4) if entry[0] in line[3].split(","))
        groups = tuple(_id(_number(line[2])) for line in members)
    return User(uid, gid, groups, next((line[5] for line in _lines(passwd, 7) if _number(line[2]) == uid), "/"))


def whole_number(text: str) -> int | None:
    """The number that `text` is, with or without a sign; None where it is none."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII) else None


def _number(field: str) -> int:
    """A field that has to be a number; 0 where it is none."""
    return whole_number(field) or 0


def _lines(data: bytes, fields: int) -> list[list[str]]:
    """The fields of each line that has any; those that a line lacks are empty."""
    lines = (line.strip() for line in data.decode("utf-8", "surrogateescape").split("\n"))
    return [[*line.split(":"), *[""] * fields][:fields] for line in lines if line]


def _find(lines: list[list[str]], name: str, *, numbers: bool) -> list[str] | None:
    number = whole_number(name)
    for parts in lines:
        if parts[0] == name and not (numbers and number is not None):
            return parts
    return next((parts for parts in lines if number is not None and _number(parts[2]) == number), None)


def _id(number: int) -> int:
    if not 0 <= number <= _MOST_ID:
        raise UserUnknownError(f"not a user or group number: {number}")
    return number
