"""Whether this process lives, and whether it can serve: what load balancers ask."""

import asyncio
import json

from sqlalchemy import text

from dockyard.errors import Error, TransientError
from dockyard.registry.app.call import Application, Receive, Scope, Send
from dockyard.server.database import Database
from dockyard.server.leaving import Leaving


def health(database: Database, leaving: Leaving) -> Application:
    """`/healthz` says that the process answers, `/readyz` that its database does, too, and that it is to stay (503 if
    not).
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status, document = 200, {"status": "ok"}
        if scope["path"] == "/readyz":
            try:
                if leaving.announced:
                    raise TransientError("the server is about to end")
                await asyncio.to_thread(_ask, database)
            except Error as error:
                status, document = 503, {"status": "unavailable", "reason": error.message}
        body = json.dumps(document).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def _ask(database: Database) -> None:
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
