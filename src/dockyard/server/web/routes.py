"""Which address is which page."""

import re
from collections.abc import Mapping, Sequence

from dockyard.oci.reference import REPOSITORY
from dockyard.server.web import (
    audit,
    endpoints,
    exemptions,
    groups,
    image,
    jobs,
    keyless,
    labels,
    login,
    me,
    members,
    policy,
    project,
    projects,
    quotas,
    replication,
    repository,
    retention,
    robots,
    search,
    storage,
    tag_rules,
    users,
    webhooks,
)
from dockyard.server.web.answer import View

_PROJECT = r"/projects/([^/]{1,255})"
_NAME = rf"((?:{REPOSITORY.pattern}))"
_IMAGE = rf"/image/{_NAME}[:@]([A-Za-z0-9_][A-Za-z0-9_.+:-]{{0,200}})"
_LONGEST = 1000
_PATTERNS: Mapping[str, View] = {
    "/": projects.VIEW,
    "/projects": projects.VIEW,
    _PROJECT: project.VIEW,
    _PROJECT + "/settings": project.SETTINGS,
    _PROJECT + "/members": members.VIEW,
    _PROJECT + "/robots": robots.VIEW,
    _PROJECT + "/keyless": keyless.VIEW,
    _PROJECT + "/webhooks": webhooks.VIEW,
    _PROJECT + "/labels": labels.VIEW,
    _PROJECT + "/tag-rules": tag_rules.VIEW,
    _PROJECT + "/retention": retention.VIEW,
    _PROJECT + "/policy": policy.VIEW,
    _PROJECT + "/audit": audit.VIEW,
    rf"/repository/{_NAME}": repository.VIEW,
    _IMAGE: image.VIEW,
    _IMAGE + "/packages": image.PACKAGES,
    _IMAGE + "/findings": image.FINDINGS,
    _IMAGE + "/referrers": image.REFERRERS,
    _IMAGE + "/sbom/(cyclonedx|spdx)": image.SBOM,
    "/login": login.VIEW,
    "/logout": login.OUT,
    "/me": me.VIEW,
    "/jobs": jobs.VIEW,
    "/storage": storage.VIEW,
    "/quotas": quotas.VIEW,
    "/users": users.VIEW,
    "/groups": groups.VIEW,
    "/robots": robots.VIEW,
    r"/robots/(robot\+[A-Za-z0-9._@+-]{1,300})": robots.ONE,
    "/audit": audit.ALL,
    "/search": search.VIEW,
    "/keyless": keyless.VIEW,
    "/labels": labels.VIEW,
    "/exemptions": exemptions.VIEW,
    "/webhooks": webhooks.VIEW,
    r"/webhooks/([0-9]{1,15})": webhooks.ONE,
    "/endpoints": endpoints.VIEW,
    r"/endpoints/([a-z0-9][a-z0-9._-]{0,63})": endpoints.ONE,
    "/replication": replication.VIEW,
    r"/replication/runs/([0-9]{1,15})": replication.RUN,
    r"/replication/([a-z0-9][a-z0-9._-]{0,63})": replication.RULE,
}
_ROUTES = [(re.compile(pattern), view) for pattern, view in _PATTERNS.items()]


def find(path: str) -> tuple[View, Sequence[str]] | None:
    """The page at a path, and what the path names; None if there is none."""
    for pattern, view in _ROUTES if len(path) <= _LONGEST else ():
        match = pattern.fullmatch(path)
        if match is not None:
            return view, match.groups()
    return None
