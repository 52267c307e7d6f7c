"""`/users`: accounts of people. For system admins; everybody may read and change their own."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.access import users
from dockyard.server.access.users import Source, User
from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.api.words import Name

Password = Annotated[str, msgspec.Meta(min_length=8, max_length=1024)]
Email = Annotated[str, msgspec.Meta(max_length=320)]


class UserNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An account to be made. The password is for accounts whose source is `local`; the very first is an admin's."""

    name: Name
    password: Password | None = None
    email: Email = ""
    admin: bool = False
    source: Source = "local"


class UserChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with an account; what is null or left out stays."""

    password: Password | None = None
    email: Email | None = None
    admin: bool | None = None
    disabled: bool | None = None
    unlock: bool = False


@route("GET", "/users", "users", paged=True)
def users_list(
    visit: Guest, request: Request[Any, Any, Any], last: Last = "", count: Count = 100
) -> Response[list[User]]:
    """All accounts, by name."""
    found = users.listing(visit.database, visit.by, last=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].name if len(found) > count else "")


@route("POST", "/users", "users")
def user_create(visit: Guest, data: JSONBody[UserNew]) -> User:
    """Make an account. With the first one, every caller must log in."""
    return users.add(
        visit.database,
        visit.by,
        data.name,
        password=data.password if data.source == "local" else None,
        email=data.email,
        admin=data.admin,
        source=data.source,
    )


@route("GET", "/users/{user:str}", "users")
def user_read(visit: Guest, user: Part) -> User:
    """One account."""
    return users.get(visit.database, visit.by, user)


@route("PATCH", "/users/{user:str}", "users")
def user_update(visit: Guest, user: Part, data: JSONBody[UserChange]) -> User:
    """Change an account. People may change their own password and address.

    Another password ends the account's web sessions and refresh tokens; personal tokens stay. `unlock` lets it try
    again after too many wrong passwords.
    """
    return users.change(
        visit.database,
        visit.by,
        user,
        password=data.password,
        email=data.email,
        admin=data.admin,
        disabled=data.disabled,
        unlock=data.unlock,
    )


@route("DELETE", "/users/{user:str}", "users")
def user_delete(visit: Guest, user: Part) -> None:
    """Remove an account with its memberships, tokens and sessions. What it pushed stays."""
    users.remove(visit.database, visit.by, user)
