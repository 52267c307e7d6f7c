"""`/projects/…/tag-rules`: which tags a project takes, and which never change."""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.api.route import Guest, Number, Part, route
from dockyard.server.rules import tag_rules
from dockyard.server.rules.tag_rules import Kind, TagRule

Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class TagRuleNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A rule to be made: globs over tags (for `required` also `semver` or `git-sha`), and over the names of
    repositories without the project's.
    """

    kind: Kind
    tags: Glob
    repositories: Glob = "**"


class TagRuleShown(msgspec.Struct, frozen=True):
    """A rule."""

    number: int
    kind: Kind
    tags: str
    repositories: str


@route("GET", "/projects/{project:str}/tag-rules", "rules")
def tag_rules_list(visit: Guest, project: Part) -> list[TagRuleShown]:
    """A project's rules for tags, oldest first. For maintainers."""
    visit.demand(project, "immutable", "list")
    return [_shown(each) for each in tag_rules.listed(visit.database, project)]


@route("POST", "/projects/{project:str}/tag-rules", "rules")
def tag_rule_create(visit: Guest, project: Part, data: JSONBody[TagRuleNew]) -> TagRuleShown:
    """Give a project a rule, which holds for what is pushed from then on. For maintainers."""
    visit.demand(project, "immutable", "create")
    return _shown(tag_rules.add(visit.database, project, data.kind, data.tags, data.repositories))


@route("DELETE", "/projects/{project:str}/tag-rules/{number:int}", "rules")
def tag_rule_delete(visit: Guest, project: Part, number: Number) -> None:
    """Take a rule away. For maintainers."""
    visit.demand(project, "immutable", "delete")
    tag_rules.remove(visit.database, project, number)


def _shown(rule: TagRule) -> TagRuleShown:
    return TagRuleShown(rule.number, rule.kind, rule.tags, rule.repositories)
