"""Rules about what an image is."""

from collections.abc import Iterator

from dockyard.policy.facts import Facts
from dockyard.policy.settings import Policy
from dockyard.policy.verdict import Reason


class NonRoot:
    """The image does not run as root."""

    name = "non-root"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy asks for it."""
        return "non-root" in policy.require

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        user = facts.user.partition(":")[0]
        if user in ("", "root") or (user.isdigit() and int(user) == 0):
            yield Reason(
                self.name, f"it runs as root (USER {facts.user or 'is not set'})", "End the Dockerfile with USER 65532."
            )


class HasHealthcheck:
    """The image says how to find out whether it is well."""

    name = "healthcheck"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy asks for it."""
        return "healthcheck" in policy.require

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        if not facts.healthcheck or facts.healthcheck[0] == "NONE":
            yield Reason(self.name, "it has no HEALTHCHECK", "Add HEALTHCHECK CMD … to the Dockerfile.")


class PinnedBase:
    """Every image that it was built on was named by digest."""

    name = "pinned-base"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy asks for it."""
        return "pinned-base" in policy.require

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        if facts.bases is None:
            yield Reason(self.name, "nobody knows what it was built on", "Build it with dockyard.", known=False)
            return
        for base in facts.bases:
            if not base.pinned:
                yield Reason(self.name, f"its base {base.image} is not pinned", f"Write FROM {base.image}@sha256:….")


class TagRule:
    """The tag is a SemVer version or a Git revision as the policy says, and never `latest`."""

    name = "tag"

    def asked(self, policy: Policy) -> bool:
        """Always: `latest` is refused by every policy."""
        return True

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        import re

        forms = {
            "semver": r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?",
            "git": r"[0-9a-f]{7,40}",
        }
        if facts.tag == "latest":
            yield Reason(
                self.name, "the tag is `latest`, which names another image tomorrow", "Use a version or a Git SHA."
            )
        elif policy.tags and not any(re.fullmatch(forms[form], facts.tag) for form in policy.tags):
            wanted = " or ".join({"semver": "a version like 1.2.3", "git": "a Git SHA"}[form] for form in policy.tags)
            yield Reason(self.name, f"the tag {facts.tag!r} is not {wanted}", f"Tag it with {wanted}.")


class AllowedRegistry:
    """The image goes to a registry that the policy names."""

    name = "registry"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy names any."""
        return bool(policy.registries)

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        if not any(_below(f"{facts.registry}/{facts.repository}", each) for each in policy.registries):
            yield Reason(
                self.name, f"the registry {facts.registry} is not allowed", f"Allowed: {', '.join(policy.registries)}."
            )


def _below(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(allowed.rstrip("/") + "/")
