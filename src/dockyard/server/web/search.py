"""Finding projects, repositories, tags and digests, and the images that an advisory touches."""

from dockyard.server.browse.advisories import touched
from dockyard.server.browse.search import search
from dockyard.server.web.answer import Answer, Page, View
from dockyard.server.web.visit import Visit

_COUNT = 30
_IMAGES = 50


def _show(visit: Visit) -> Answer:
    wanted = visit.query("q")
    found = search(visit.desk.database, visit.who, visit.may, wanted, count=_COUNT)
    # An advisory is looked for by its whole name, such as CVE-2026-1234.
    images = touched(visit.desk.database, visit.may, wanted, count=_IMAGES) if "-" in wanted else []
    return Page("search.html", {"q": wanted, "found": found, "images": images})


VIEW = View(_show)
