"""Lists, page by page: `?last=` is where the page before ended, and the Link header has the next one."""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response

from dockyard.server.api.visit import Visit

T = TypeVar("T")


def page(
    visit: Visit,
    request: Request[Any, Any, Any],
    items: Sequence[T],
    count: int,
    last: str | int,
    *,
    more: bool | None = None,
) -> Response[list[T]]:
    """The answer with the first `count` of `items`.

    Args:
        visit: the request under way.
        request: the same, for its path and query.
        items: one more than `count` where there are more, or `more` says it.
        count: the page's length.
        last: what names the page's last item.
        more: whether more follow; by default whether there are more items than `count`.
    """
    follows = len(items) > count if more is None else more
    headers = {}
    if follows:
        others = [(key, value) for key, value in request.query_params.multi_items() if key not in ("last", "count")]
        query = urlencode([*others, ("last", last), ("count", count)])
        headers["Link"] = f'<{visit.parts.ways.prefix}{request.scope["path"]}?{query}>; rel="next"'
    return Response(list(items[:count]), headers=headers)
