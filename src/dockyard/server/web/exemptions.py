"""What is let pass all the same: of one project, on the page of its policy, or of all projects on a page of its own."""

from dockyard.server.clock import now
from dockyard.server.trust.exempting import exempt, exemptions, withdraw
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.visit import FieldInvalidError, Visit


def words(visit: Visit, project: str) -> dict[str, object]:
    """What the list and its form need."""
    return {"exemptions": exemptions(visit.desk.database, project), "now": now(), "within": project}


def accept(visit: Visit) -> Answer:
    """Let an advisory or an image pass.

    Raises:
        FieldInvalidError: it is not said which, or why.
        AccessDeniedError: the caller may not.
    """
    project, back = _place(visit)
    visit.demand(project, "metadata", "create")
    subject, reason = visit.text("subject", 255), visit.text("reason")
    if not subject or not reason:
        raise FieldInvalidError("an exemption needs an advisory or digest, and a reason")
    exempt(visit.desk.database, project, subject, reason, visit.day("until"))
    visit.desk.gate.forget()
    return Moved(back, f"{subject} is accepted{'' if project else ' in every project'}.")


def end(visit: Visit) -> Answer:
    """Withdraw an exemption."""
    project, back = _place(visit)
    visit.demand(project, "metadata", "delete")
    withdraw(visit.desk.database, project, visit.whole("number"))
    visit.desk.gate.forget()
    return Moved(back, "The exemption is withdrawn.")


def _place(visit: Visit) -> tuple[str, str]:
    project = visit.places[0] if visit.places else ""
    return project, f"/projects/{project}/policy" if project else "/exemptions"


def _show(visit: Visit) -> Answer:
    visit.demand("", "metadata", "read")
    return Page("exemptions.html", words(visit, ""))


VIEW = View(_show, {"exempt": accept, "withdraw": end})
