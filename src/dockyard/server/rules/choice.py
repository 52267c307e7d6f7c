"""Which manifests of a repository its project's rules keep. Pure: facts in, choice out."""

import graphlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from dockyard.server import globs
from dockyard.server.rules import tag_rules
from dockyard.server.rules.retention_rules import RetentionRule
from dockyard.server.rules.tag_rules import COMPANION, TagRule

_DAY_MS = 86_400_000


class Held(NamedTuple):
    """A manifest in a repository. `pushed` is the last time that it or one of its tags was, `pulled` 0 for never."""

    digest: str
    tags: Sequence[str] = ()
    subject: str = ""
    children: Sequence[str] = ()
    pushed: int = 0
    pulled: int = 0
    labels: Sequence[str] = ()


class Choice(NamedTuple):
    """What stays, with the reason, and what goes, ordered so that what names another goes before it."""

    kept: Mapping[str, str]
    removed: Sequence[str]


def choose(
    repository: str,
    held: Sequence[Held],
    rules: Sequence[RetentionRule],
    immutable: Sequence[TagRule],
    at: int,
    grace: int,
) -> Choice:
    """Apply the rules to a repository.

    What any rule keeps is kept. A repository that no rule speaks of keeps everything. With an image stay the manifests
    that it names and what refers to it (signatures, SBOMs, also under tags like `sha256-….sig`); these go with it, too.
    Immutable tags stay, and so does what has no tag and was pushed within the grace period: its index may follow.

    Args:
        repository: its name without the project's.
        held: its manifests.
        rules: of the project.
        immutable: the project's rules for tags.
        at: the time in milliseconds.
        grace: in milliseconds.
    """
    mine = [each for each in rules if globs.matches(each.repositories, repository)]
    if not mine:
        return Choice({each.digest: "no rule speaks of this repository" for each in held}, [])
    by = {each.digest: each for each in held}
    parents = {child for each in held for child in each.children}
    followers = _followers(by)
    following = {digest for found in followers.values() for digest in found}
    roots = [each for each in held if each.digest not in following and (each.tags or each.digest not in parents)]
    kept: dict[str, str] = {}
    # What refers to another may have an immutable tag of its own, and then stays by itself.
    for each in held:
        rule = next(filter(None, (tag_rules.immutable(list(immutable), repository, tag) for tag in each.tags)), None)
        if rule is not None:
            kept[each.digest] = str(rule)
    for each in roots:
        if not each.tags and each.pushed > at - grace:
            kept[each.digest] = "pushed just now, without a tag so far"
    for wanted in mine:
        for each in _kept_by(wanted, roots, at):
            kept.setdefault(each.digest, str(wanted))
    _close(kept, by, followers)
    return Choice(kept, _ordered([each for each in held if each.digest not in kept], followers))


def _kept_by(rule: RetentionRule, roots: Sequence[Held], at: int) -> Iterator[Held]:
    found = [
        each
        for each in roots
        if ((rule.untagged and not each.tags) or any(globs.matches(rule.tags, tag) for tag in each.tags))
        and (not rule.labels or any(globs.matches(rule.labels, label) for label in each.labels))
    ]
    if rule.keep == "always":
        yield from found
    elif rule.keep == "latest-pushed":
        yield from sorted(found, key=lambda each: (-each.pushed, each.digest))[: rule.amount]
    elif rule.keep == "latest-pulled":
        pulled = [each for each in found if each.pulled]
        yield from sorted(pulled, key=lambda each: (-each.pulled, each.digest))[: rule.amount]
    else:
        edge = at - rule.amount * _DAY_MS
        for each in found:
            if (each.pushed if rule.keep == "pushed-within" else each.pulled) >= edge:
                yield each


def companion_of(held: Held) -> str:
    """The digest of the image that a manifest is kept beside, by its tags; empty where it is not."""
    matches = [COMPANION.fullmatch(tag) for tag in held.tags]
    if not matches or any(match is None for match in matches):
        return ""
    first = matches[0]
    return f"{first[1]}:{first[2]}" if first is not None else ""


def _followers(by: Mapping[str, Held]) -> dict[str, list[str]]:
    """What refers to each manifest that is there."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for each in by.values():
        if each.subject in by:
            found[each.subject].append(each.digest)
            continue
        image = companion_of(each)
        # A companion of a companion stands for itself, lest two name each other and nobody keeps either.
        if image in by and image != each.digest and not companion_of(by[image]):
            found[image].append(each.digest)
    return found


def _close(kept: dict[str, str], by: Mapping[str, Held], followers: Mapping[str, Sequence[str]]) -> None:
    open_ = list(kept)
    while open_:
        digest = open_.pop()
        found = by[digest]
        for other, reason in (
            *((child, f"part of {digest}") for child in found.children if child in by),
            *((each, f"refers to {digest}") for each in followers.get(digest, ())),
        ):
            if other not in kept:
                kept[other] = reason
                open_.append(other)


def _ordered(removed: Sequence[Held], followers: Mapping[str, Sequence[str]]) -> list[str]:
    gone = {each.digest for each in removed}
    before: dict[str, set[str]] = {each.digest: set() for each in removed}
    for each in removed:
        for child in each.children:
            if child in gone:
                before[child].add(each.digest)
    plain = {digest: set(found) for digest, found in before.items()}
    for digest in gone:
        for follower in followers.get(digest, ()):
            if follower in gone:
                before[follower].add(digest)
    try:
        return list(graphlib.TopologicalSorter(before).static_order())
    except graphlib.CycleError:
        # A list of referrers, by its tag, that names its own image. What follows too early is left for the next run.
        return list(graphlib.TopologicalSorter(plain).static_order())
