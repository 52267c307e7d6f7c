"""All projects' quotas on one page, to be changed in their rows."""

from dockyard._internal import amounts
from dockyard.errors import UsageError
from dockyard.server.rules import quota
from dockyard.server.rules.quota import QuotaInvalidError
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import FieldInvalidError, Visit

_COUNT = 100
_NONE = ("", "0", "none")


def _show(visit: Visit) -> Answer:
    visit.demand("", "quota", "list")
    database, wanted, fullest = visit.desk.database, visit.query("q"), visit.query("order", 10) == "fullest"
    if fullest:
        found = sorted(quota.quotas(database, wanted=wanted), key=lambda each: (-each.part, -each.used, each.project))
    else:
        found = quota.quotas(database, wanted=wanted, last=visit.query("after"), count=_COUNT + 1)
    words = {"quotas": found[:_COUNT], "left": len(found) - _COUNT, "fullest": fullest, "q": wanted}
    return Page("quotas.html", {**words, "otherwise": visit.desk.settings.project_quota})


def typed(visit: Visit) -> int | None:
    """The bound that a form has in its field `most`, such as 10GB; None for none.

    Raises:
        FieldInvalidError: it is no size.
    """
    text = visit.text("most", 40)
    try:
        return None if text.lower() in _NONE else amounts.size(text)
    except UsageError as error:
        raise FieldInvalidError(f"most: {error.message}", hint=QuotaInvalidError.hint) from error


def change(visit: Visit, project: str) -> str:
    """Bound what a project may hold, and say so."""
    visit.demand("", "quota", "update")
    done = quota.set_quota(visit.desk.database, project, typed(visit))
    if done.most is None:
        return f"{project} may hold as much as there is room for."
    over = " It holds more than that already: nothing goes, and nothing more is taken." if done.used > done.most else ""
    return f"{project} may hold {amounts.shown(done.most)} from now on.{over}"


def _set(visit: Visit) -> Answer:
    said = change(visit, visit.text("project", 255))
    fullest = "?order=fullest" if visit.query("order", 10) == "fullest" else ""
    return Moved(f"/quotas{fullest}", said)


VIEW = View(_show, {"set": _set})
