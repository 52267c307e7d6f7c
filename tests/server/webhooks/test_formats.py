"""What webhooks send: CloudEvents 1.0 in both modes, Docker's notifications, and a signature anyone can check."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from dockyard.server.webhooks.formats import Happening, encode
from dockyard.server.webhooks.signature import WebhookSecretError, check, new_secret, signed, verified

DIGEST = "sha256:" + "a" * 64
PUSH = Happening(
    7,
    1_700_000_000_123,
    "push",
    "https://registry.test/hub",
    "shop",
    "shop/web",
    "1.0",
    DIGEST,
    "alice",
    "192.0.2.1",
    "application/vnd.oci.image.manifest.v1+json",
    512,
)


def test_a_structured_cloud_event_has_every_required_attribute() -> None:
    headers, body = encode(PUSH, "cloudevents")
    document = json.loads(body)
    assert headers == {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    assert {key: document[key] for key in ("specversion", "id", "source", "type", "time", "subject")} == {
        "specversion": "1.0",
        "id": "7",
        "source": "https://registry.test/hub",
        "type": "dev.dockyard.registry.push",
        "time": "2023-11-14T22:13:20.123Z",
        "subject": "shop/web:1.0",
    }
    assert document["datacontenttype"] == "application/json"
    assert document["data"]["digest"] == DIGEST
    assert document["data"]["url"] == f"https://registry.test/hub/v2/shop/web/manifests/{DIGEST}"


def test_a_binary_cloud_event_has_its_attributes_in_headers_and_only_data_in_its_body() -> None:
    headers, body = encode(replace(PUSH, repository="shop/web", reference="1.0"), "cloudevents-binary")
    assert headers["ce-type"] == "dev.dockyard.registry.push"
    assert headers["ce-specversion"] == "1.0"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["actor"] == "alice"
    odd, _ = encode(Happening(1, 0, "project.create", "http://r", 'Ä "x"%'), "cloudevents-binary")
    assert odd["ce-subject"] == "%C3%84%20%22x%22%25"


def test_dockers_format_is_what_distribution_sends() -> None:
    headers, body = encode(PUSH, "docker")
    assert headers == {"Content-Type": "application/vnd.docker.distribution.events.v1+json"}
    [event] = json.loads(body)["events"]
    assert event["action"] == "push"
    assert event["target"] == {
        "repository": "shop/web",
        "digest": DIGEST,
        "url": f"https://registry.test/hub/v2/shop/web/manifests/{DIGEST}",
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "size": 512,
        "length": 512,
        "tag": "1.0",
    }
    assert event["actor"] == {"name": "alice"}
    assert event["request"]["addr"] == "192.0.2.1"
    _, deleted = encode(replace(PUSH, kind="tag.delete", digest="", media_type=""), "docker")
    assert json.loads(deleted)["events"][0]["action"] == "delete"


def test_the_signature_is_that_of_standard_webhooks() -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    headers = signed(secret, "msg_1", 1_700_000_000, b'{"a":1}')
    expected = hmac.new(b"k" * 32, b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(expected).decode(),
    }
    assert verified(secret, headers, b'{"a":1}', seconds=1_700_000_010)
    assert not verified(secret, headers, b'{"a":2}', seconds=1_700_000_010)
    assert not verified(secret, headers, b'{"a":1}', seconds=1_700_001_000), "old requests cannot be replayed"
    assert not verified(new_secret(), headers, b'{"a":1}', seconds=1_700_000_010)


def test_a_malformed_secret_is_refused() -> None:
    for bad in ("", "whsec_", "whsec_AAAA", "secret", "whsec_" + "A" * 400, "whsec_\N{SNOWMAN}"):
        with pytest.raises(WebhookSecretError):
            check(bad)
