"""From a page's words to its HTML. Everything that templates put in is escaped."""

from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dockyard.server.clock import now
from dockyard.server.web import form, words
from dockyard.server.web.answer import Page
from dockyard.server.web.assets import Assets
from dockyard.server.web.desk import Desk
from dockyard.server.web.fault import placed
from dockyard.server.web.prose import prose
from dockyard.server.web.visit import Visit


class Rendering:
    """The templates of one server process.

    Args:
        desk: what pages work with.
        assets: the files that pages name.
    """

    def __init__(self, desk: Desk, assets: Assets) -> None:
        self._assets = assets
        self._environment = Environment(
            loader=PackageLoader("dockyard.server.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=100,
        )
        self._environment.filters |= {
            "size": words.size,
            "exact": words.exact,
            "number": words.number,
            "short": words.short,
            "instruction": words.instruction,
            "keyword": words.keyword,
            "told": words.told,
            "cut": words.cut,
            "kindly": words.kindly,
            "ago": _ago,
            "prose": prose,
        }
        self._environment.globals |= {"counted": words.counted, "oidc": bool(desk.settings.oidc.issuer)}

    def page(self, visit: Visit, page: Page) -> bytes:
        """The page as UTF-8."""
        template = self._environment.get_template(page.template)
        text = template.render(
            {
                "visit": visit,
                "who": visit.who,
                "can": visit.can,
                "may": visit.may,
                "was": visit.was,
                "query": visit.query,
                "url": partial(_url, visit),
                "here": visit.call.path(visit.call.scope["path"]),
                "asset": lambda name: visit.call.path(self._assets.path(name)),
                "csrf": lambda: _csrf(visit),
                "host": words.host(visit.call.base),
                **page.words,
            }
        )
        if visit.problem is not None:
            text = placed(text, visit.problem, visit.form)
        return text.encode("utf-8", "replace")


def _url(visit: Visit, *parts: str, **query: str | int) -> str:
    """The address of a page, each part quoted."""
    text = urlencode({name: value for name, value in query.items() if value not in ("", 0)})
    return visit.call.path("/" + "/".join(quote(each, safe="/:@+") for each in parts)) + (f"?{text}" if text else "")


def _csrf(visit: Visit) -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(form.token(visit.secret))


def _ago(at: Any) -> Markup:
    """A time as people say it, with the exact one behind it."""
    if not at:
        return Markup('<span class="dim">never</span>')
    exact = words.moment(int(at))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, words.age(int(at), now()))
