"""Descriptions in Markdown (CommonMark with tables) as HTML that is safe in a page, whoever wrote them.

HTML in them is shown as text, pictures become links, links lead to web and mail addresses only, and nothing has a style
or a name of its own, so that a description cannot look like another part of its page or be led to. The reader is
markdown-it-py, which comes with rich.
"""

from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any

from markupsafe import Markup, escape

_LEADS = ("http://", "https://", "mailto:")
_LOWER = {"h1": "h2", "h2": "h3", "h3": "h4", "h4": "h5", "h5": "h6"}


def prose(text: str) -> Markup:
    """The HTML of a description; its headings are below the page's own."""
    return Markup(_reader().render(text))  # noqa: S704 (the reader escapes what it does not make itself)


@cache
def _reader() -> Any:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
    made.validateLink = lambda url: url.lower().startswith(_LEADS)  # type: ignore[method-assign]
    renderer: Any = made.renderer
    renderer.rules["image"] = _picture
    made.core.ruler.push("plain", _plain)
    return made


def _plain(state: Any) -> None:
    """Take away what a page would let act: styles, classes and titles; put headings below the page's."""
    for token in state.tokens:
        token.tag = _LOWER.get(token.tag, token.tag)
        token.info = ""
        begin = {"start": token.attrs["start"]} if "start" in token.attrs else {}
        token.attrs = {"class": "right"} if "right" in str(token.attrs.get("style", "")) else begin
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrs = {"href": inner.attrs["href"], "rel": "nofollow noopener noreferrer"}


def _picture(tokens: Sequence[Any], at: int, options: Any, environment: MutableMapping[str, Any]) -> str:
    """A picture as a link: fetching it would tell another site who looks at the page. Inside a link, its words."""
    source, told = str(tokens[at].attrs.get("src", "")), tokens[at].content
    if sum(each.nesting for each in tokens[:at] if each.type.startswith("link_")):
        return str(escape(told or source))
    return str(Markup('<a href="{}" rel="nofollow noopener noreferrer">{}</a>').format(source, told or source))
