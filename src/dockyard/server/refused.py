"""What the registry itself refuses, as people are told: the meaning of the code on the wire, and what to do next."""

from collections.abc import Mapping

from dockyard.registry.interface import WireError

_HINTS: Mapping[tuple[str, int], str] = {
    ("DENIED", 412): "Use another tag, or let a maintainer take the rule away: /projects/…/tag-rules has it.",
    ("DENIED", 405): "Remove first what names it; …/referrers and the indexes of the repository say what that is.",
    ("DENIED", 403): "The message names the rule, quota or policy; a project admin can change it.",
    ("TOOMANYREQUESTS", 429): "Wait as many seconds as Retry-After says; a system admin can unlock an account.",
    ("MANIFEST_INVALID", 412): "Look at what it is now, and send that as If-Match.",
    ("DENIED", 507): "The registry's admin has to make room; nothing is lost meanwhile.",
    ("UNAVAILABLE", 503): "The same request may succeed later.",
}
_MISSING = (
    "`dockyard registry search` and the pages show what is there; in the API's paths a colon or %2F stands for a slash."
)


def refused(error: WireError) -> tuple[str, str]:
    """Message and hint, which may be empty."""
    code, about = error.code, error.detail
    message = f"{code.meaning}: {about}" if about not in ("", code.meaning) else code.meaning
    hint = error.hint or _HINTS.get((code.name, code.status), _MISSING if code.status == 404 else "")
    return message, hint or ""
