"""A project's policy, as its settings keep it."""

import msgspec
from sqlalchemy import Connection, select, update

from dockyard._internal.settings import SettingsInvalidError
from dockyard.policy.settings import Policy
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.projects import PROJECT
from dockyard.signing.keys import load_public


class ProjectPolicy(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """What a project asks of an image before it may be pulled.

    Attributes:
        policy: the same rules as `[policy]` of dockyard.toml; its `keys` are not paths but PEM texts.
        grace: seconds after a push in which signature and SBOM may still be missing, so that they can be attached.
        warn: say why in a warning, and refuse nothing.
    """

    policy: Policy = msgspec.field(default_factory=Policy)
    grace: int = 600
    warn: bool = False


def policy_of(database: Database, project: str) -> ProjectPolicy | None:
    """The project's policy; None if it has none."""
    with database.read() as connection:
        text = connection.execute(select(PROJECT.c.settings).where(PROJECT.c.name == project)).scalar()
    raw = (msgspec.json.decode(text) if text else {}).get("policy")
    return None if raw is None else msgspec.convert(raw, ProjectPolicy)


def set_policy(database: Database, project: str, policy: ProjectPolicy | None) -> None:
    """Give the project a policy, or none.

    Raises:
        KeyInvalidError: one of its keys is no public key.
        SettingsInvalidError: there is no such project.
    """
    for key in policy.policy.keys if policy is not None else ():
        load_public(key.encode())

    def work(connection: Connection) -> None:
        text = connection.execute(select(PROJECT.c.settings).where(PROJECT.c.name == project)).scalar()
        if text is None:
            raise SettingsInvalidError(f"there is no project {project}")
        settings = msgspec.json.decode(text)
        settings.pop("policy", None)
        if policy is not None:
            settings["policy"] = msgspec.to_builtins(policy)
        connection.execute(
            update(PROJECT).where(PROJECT.c.name == project).values(settings=msgspec.json.encode(settings).decode())
        )
        record(connection, "project.policy", project=project, detail={"set": policy is not None})

    database.write(work)
