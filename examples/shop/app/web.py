"""The shop's pages: `/`, `/items/<number>`, `/healthz`."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from app.catalogue import Catalogue
from app.jsonlog import log

_ROUTES = Map(
    [Rule("/", endpoint="page"), Rule("/items/<int:number>", endpoint="item"), Rule("/healthz", endpoint="healthz")]
)


class Shop:
    """The WSGI application."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._catalogue = Catalogue()
        self._templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)

    def page(self) -> Response:
        """All goods."""
        html = self._templates.get_template("page.html").render(items=self._catalogue.all(), version=self.version)
        return Response(html, mimetype="text/html")

    def item(self, number: int) -> Response:
        """One good as JSON."""
        found = self._catalogue.get(number)
        if found is None:
            raise NotFound
        return Response(f'{{"name": "{found.name}", "price": "{found.price}"}}\n', mimetype="application/json")

    def healthz(self) -> Response:
        """Well, if the goods can be read. SHOP_BROKEN makes it ill, to show what a rollout does about that."""
        if os.environ.get("SHOP_BROKEN"):
            return Response("the goods cannot be read\n", status=503)
        return Response(f"ok {len(self._catalogue.all())} goods, version {self.version}\n")

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request and log it; health probes are not logged."""
        began = time.monotonic()
        request = Request(environ)
        response: Any
        try:
            endpoint, values = _ROUTES.bind_to_environ(environ).match()
            response = getattr(self, endpoint)(**values)
        except HTTPException as error:
            response = error.get_response(environ)
        response.headers["X-Shop-Version"] = self.version
        if request.path != "/healthz":
            milliseconds = round((time.monotonic() - began) * 1000, 2)
            log("request", method=request.method, path=request.path, status=response.status_code, ms=milliseconds)
        answer: Iterable[bytes] = response(environ, start)
        return answer
