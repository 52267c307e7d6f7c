"""Asking an endpoint's registry whether it answers, and takes the credentials."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from dockyard.errors import Error
from dockyard.oci.reference import Reference
from dockyard.server.database import Database
from dockyard.server.replication import endpoints
from dockyard.server.replication.ends import client
from dockyard.server.sealing import Seal


@dataclass(frozen=True)
class Ping:
    """How a registry answered.

    Attributes:
        trouble: what is wrong; empty where it answered and took the credentials.
        hint: what may help then.
        catalog: whether it shows which repositories it has, which rules that pull by pattern need.
        milliseconds: until all that was known.
    """

    endpoint: str
    registry: str
    trouble: str
    hint: str
    catalog: bool
    milliseconds: int

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def ping(database: Database, seal: Seal, name: str) -> Ping:
    """Ask an endpoint's registry, once, and keep what was found.

    Raises:
        EndpointUnknownError: there is none of that name.
        SealBrokenError: its password cannot be read.
    """
    with database.read() as connection:
        endpoint = endpoints.found(connection, name)
        secret = endpoints.secret_of(connection, seal, name)
    began = time.monotonic()
    there = client(endpoint.registry, endpoint.username, secret, insecure=endpoint.insecure, ca=endpoint.ca)
    reference, trouble, hint, catalog = Reference(endpoint.registry, "catalog"), "", "", False
    try:
        there.check(reference, tries=1)
        catalog = _catalog(there.transport(reference))
    except Error as error:
        trouble, hint = error.message, error.hint or ""
    except OSError as error:  # such as a file of authorities that is not there
        trouble = str(error)
    endpoints.checked(database, name, trouble)
    return Ping(name, endpoint.registry, trouble, hint, catalog, round((time.monotonic() - began) * 1000))


def _catalog(transport: Any) -> bool:
    try:
        response = transport.request("GET", "/v2/_catalog?n=1", scope="registry:catalog:*", tries=1)
        response.drain()
    except Error:
        return False
    return bool(response.status == 200)
