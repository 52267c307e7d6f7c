"""Tags and images that were chosen on a repository's page: what removing them would do, and doing it."""

from dockyard.server.names import project_of
from dockyard.server.rules import removal
from dockyard.server.web.answer import Answer, Moved, Page
from dockyard.server.web.visit import FieldInvalidError, Visit
from dockyard.server.web.words import counted


def ask(visit: Visit) -> Answer:
    """Show what goes, how many bytes that frees and what stays; nothing is changed."""
    name, chosen, images = _chosen(visit)
    found = removal.plan(visit.desk.registry.holdings, name, chosen, images=images)
    gone = {tag for tags in found.images.values() for tag in tags}
    words = {
        "name": name,
        "told": _told(found),
        "project_name": project_of(name),
        "found": found,
        "alone": sorted(found.tags.keys() - gone),
        "chosen": chosen,
        "images": images,
        "back": _back(visit, name),
    }
    return Page("chosen.html", words)


def remove(visit: Visit) -> Answer:
    """Remove them, as far as that still holds."""
    name, chosen, images = _chosen(visit)
    found = removal.remove(visit.desk.registry.holdings, name, chosen, images=images)
    visit.desk.registry.changed(name)
    told = _told(found)
    if not told:
        return Moved(_back(visit, name), "Nothing was removed: it is gone or held by now.")
    return Moved(_back(visit, name), f"Removed: {told}.")


def _told(found: removal.Removal) -> str:
    """What goes, in numbers: what was chosen, and what goes with it; empty for nothing."""
    beside = {tag for digest, tags in found.images.items() if digest not in found.chosen for tag in tags}
    tags, images = len(found.tags.keys() - beside), len(found.chosen)
    told = " and ".join(counted(each, noun) for each, noun in ((tags, "tag"), (images, "image")) if each)
    more = len(found.images) - images
    return told + (f", with {counted(more, 'part or referrer', 'parts and referrers')}" if more else "")


def _chosen(visit: Visit) -> tuple[str, list[str], bool]:
    name, chosen = visit.places[0], visit.form.get("chosen", [])
    visit.demand_repository(name, "delete")
    if not chosen:
        raise FieldInvalidError("nothing is chosen", hint="Tick the boxes of what is to go.")
    return name, chosen, visit.text("what", 10) != "tags"


def _back(visit: Visit, name: str) -> str:
    return f"/repository/{name}" + ("?show=untagged" if visit.query("show", 10) == "untagged" else "")
