"""Error documents: what clients that show only the message are told, and what our own says of others'."""

import json

import pytest

from dockyard.registry.protocol import codes
from dockyard.registry.protocol.codes import Code


@pytest.mark.parametrize(
    ("code", "detail", "message"),
    [
        (codes.MANIFEST_INVALID, "schema version 1", "manifest invalid: schema version 1"),
        (codes.MANIFEST_INVALID, "", "manifest invalid"),
        (Code("DENIED", 403, "tag v1 is immutable"), "tag v1 is immutable", "tag v1 is immutable"),
        (codes.MANIFEST_UNKNOWN, "1.0", "manifest unknown to registry"),
        (codes.UNAUTHORIZED, "no login", "authentication required"),
    ],
)
def test_the_message_tells_what_is_wrong_with_the_request_and_tells_it_once(
    code: Code, detail: str, message: str
) -> None:
    (item,) = json.loads(codes.body(code, detail))["errors"]
    assert (item["code"], item["message"], item.get("detail", "")) == (code.name, message, detail)
    said = codes.messages(codes.body(code, detail))
    assert said.count(detail or message) == 1
    assert said.startswith(f"{code.name}: {message}")
