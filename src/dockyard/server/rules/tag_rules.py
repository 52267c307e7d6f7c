"""A project's rules for tags: which are immutable, which it refuses, what form they must have."""

import re
from typing import Literal, NamedTuple, get_args

from sqlalchemy import Connection, delete, insert, select

from dockyard.errors import UsageError
from dockyard.server import globs
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.rules.project import project_number
from dockyard.server.schema.rules import TAG_RULE

Kind = Literal["immutable", "refused", "required"]
FORMS = {
    # semver.org, version 2.0.0; a leading v is the custom of tags, and a tag cannot hold the plus of build metadata.
    "semver": re.compile(
        r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
        r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    ),
    "git-sha": re.compile(r"([0-9a-f]{7,40}|[0-9a-f]{64})"),
}
# What tools make beside an image: the fall-back tag of referrers, Cosign's .sig, .att and .sbom.
COMPANION = re.compile(r"(sha256|sha384|sha512)-([0-9a-f]{32,128})(\.[a-z]+)?")
_MOST = 100


class TagRule(NamedTuple):
    """A rule: what it is for, the repositories (globs over names without the project's) and the tags it speaks of."""

    number: int
    kind: Kind
    repositories: str
    tags: str

    def __str__(self) -> str:
        where = "" if self.repositories == "**" else f" in {self.repositories}"
        return f"rule {self.number} ({self.kind} {self.tags}{where})"


class ProjectRuleUnknownError(UsageError):
    """The project has no rule of that number."""

    reference = "project-rule-unknown"
    hint = "The list of the project's rules has the numbers."


class ProjectRuleInvalidError(UsageError):
    """A rule is not of a kind that there is, or a project has too many."""

    reference = "project-rule-invalid"
    hint = "Kinds of tag rules are immutable, refused and required; required takes a glob, semver or git-sha."


def rules_of(connection: Connection, project: int) -> list[TagRule]:
    """The rules of a project, oldest first."""
    query = select(TAG_RULE.c.id, TAG_RULE.c.kind, TAG_RULE.c.repositories, TAG_RULE.c.tags)
    rows = connection.execute(query.where(TAG_RULE.c.project_id == project).order_by(TAG_RULE.c.id)).all()
    return [TagRule(int(row[0]), row[1], str(row[2]), str(row[3])) for row in rows]


def listed(database: Database, project: str) -> list[TagRule]:
    """The rules of a project by its name.

    Raises:
        ProjectUnknownError: there is none.
    """
    with database.read() as connection:
        return rules_of(connection, project_number(connection, project))


def add(database: Database, project: str, kind: str, tags: str, repositories: str = "**") -> TagRule:
    """Give a project one more rule. It holds for what is pushed from then on; tags that are there stay.

    Raises:
        ProjectUnknownError, ProjectRuleInvalidError, GlobInvalidError.
    """
    if kind not in get_args(Kind):
        raise ProjectRuleInvalidError(f"no kind of rule: {kind!r}")
    globs.of_repositories(repositories)
    if not (kind == "required" and tags in FORMS):
        globs.read(tags)

    def work(connection: Connection) -> int:
        number = project_number(connection, project)
        if len(rules_of(connection, number)) >= _MOST:
            raise ProjectRuleInvalidError(f"a project has at most {_MOST} rules for tags")
        values = {"project_id": number, "kind": kind, "tags": tags, "repositories": repositories, "created_at": now()}
        done = connection.execute(insert(TAG_RULE).values(values).returning(TAG_RULE.c.id)).scalar_one()
        detail = {"kind": kind, "tags": tags, "repositories": repositories}
        record(connection, "rule.create", project=project, reference=str(done), detail=detail)
        return int(done)

    number = database.write(work)
    made: Kind = kind  # type: ignore[assignment]  # looked at above
    return TagRule(number, made, repositories, tags)


def remove(database: Database, project: str, number: int) -> None:
    """Take a rule away.

    Raises:
        ProjectUnknownError, ProjectRuleUnknownError.
    """

    def work(connection: Connection) -> None:
        mine = (TAG_RULE.c.project_id == project_number(connection, project), TAG_RULE.c.id == number)
        if not connection.execute(delete(TAG_RULE).where(*mine)).rowcount:
            raise ProjectRuleUnknownError(f"project {project} has no rule {number} for tags")
        record(connection, "rule.delete", project=project, reference=str(number))

    database.write(work)


def immutable(rules: list[TagRule], repository: str, tag: str) -> TagRule | None:
    """The rule that makes a tag immutable. `repository` is without the project's name.

    What tools keep beside an image under tags of their own (signatures, lists of referrers) has to change, and is
    immutable only by a rule that names it.
    """
    return next((each for each in rules if each.kind == "immutable" and _speaks(each, repository, tag)), None)


def refusal(rules: list[TagRule], repository: str, tag: str) -> str:
    """Why a project does not take a tag; empty where it does."""
    for each in rules:
        if each.kind == "refused" and _speaks(each, repository, tag):
            return f"tag {tag} is refused by {each}"
    if COMPANION.fullmatch(tag):
        return ""
    wanted = [each for each in rules if each.kind == "required" and globs.matches(each.repositories, repository)]
    if not wanted or any(_formed(each.tags, tag) for each in wanted):
        return ""
    forms = " or ".join(dict.fromkeys(each.tags for each in wanted))
    return f"tag {tag} is not of the form {forms}, which {', '.join(map(str, wanted[:3]))} requires"


def _speaks(rule: TagRule, repository: str, tag: str) -> bool:
    if COMPANION.fullmatch(tag) and not rule.tags.startswith("sha"):
        return False
    return globs.matches(rule.repositories, repository) and globs.matches(rule.tags, tag)


def _formed(form: str, tag: str) -> bool:
    known = FORMS.get(form)
    return known.fullmatch(tag) is not None if known else globs.matches(form, tag)
