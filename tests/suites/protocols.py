"""The distribution protocol over any registry, at the level of HTTP: whatever comes gets the specification's answer."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_INDEX, OCI_MANIFEST
from dockyard.registry.app.call import Application
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.codes import Code
from making.asgi import Answer, call
from making.pushed import manifest

BLOB = bytes(range(250)) * 4
DIGEST = Digest.of(BLOB)
NAME = "wire/web"
KNOWN = {each.name for each in vars(codes).values() if isinstance(each, Code)}


def push(app: Application, name: str = NAME) -> Digest:
    """One image, pushed as clients do."""
    for data in (b"{}", BLOB):
        assert call(app, "POST", f"/v2/{name}/blobs/uploads/?digest={Digest.of(data)}", data).status == 201
    raw = manifest(b"{}", [BLOB])
    answer = call(app, "PUT", f"/v2/{name}/manifests/1", raw, [(b"content-type", OCI_MANIFEST.encode())])
    assert answer.status == 201
    return Digest.of(raw)


def begun(app: Application) -> str:
    """The path of an upload that has begun."""
    answer = call(app, "POST", f"/v2/{NAME}/blobs/uploads/")
    assert answer.status == 202
    return answer.headers["location"]


PARTS = st.one_of(
    st.sampled_from(
        [
            NAME,
            "v2",
            "manifests",
            "blobs",
            "uploads",
            "tags",
            "list",
            "referrers",
            "_catalog",
            "1",
            str(DIGEST),
            "a" * 300,
            "A",
            "..",
            ".",
            "",
            "%2e%2e",
            "%00",
            "sha256:",
            "sha256:" + "0" * 63,
            "md5:" + "0" * 32,
            "%ff%fe",
            "sha512:" + "0" * 128,
            "a_b",
            "a__b",
            "a___b",
            "-",
            "a.",
            "tag with space",
            "ü",
            "%F0%9F%9A%A2",
        ]
    ),
    st.text(max_size=20),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"range",
                b"content-range",
                b"content-length",
                b"content-type",
                b"if-match",
                b"if-none-match",
                b"if-range",
                b"authorization",
                b"accept",
                b"x-forwarded-for",
                b"x-forwarded-proto",
                b"x-forwarded-host",
                b"host",
            ]
        ),
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"bytes=0-", b"bytes=5-2", b"bytes=-0", b"0-9", b"9" * 400, b"*", OCI_MANIFEST.encode()]),
            st.sampled_from([OCI_INDEX.encode(), b"bytes=0-1,3-4", b"bytes 0-9/10", b"Basic x", b"Bearer \xff", b"-1"]),
        ),
    ),
    max_size=4,
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["n", "last", "digest", "mount", "from", "artifactType", "tag", "ns", "digest-algorithm", "x"]),
        st.one_of(st.text(max_size=20), st.sampled_from(["", "0", "-1", "9" * 30, "%00", str(DIGEST), NAME, "\u0664"])),
    ),
    max_size=4,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
BODIES = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([manifest(b"{}", [BLOB]), b"{}", BLOB, b'{"schemaVersion":2,"manifests":[]}']),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8) | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["schemaVersion", "config", "layers", "manifests", "subject", "digest", "size", "mediaType"]
                )
                | st.sampled_from(["annotations", "artifactType", "urls", "platform", "data"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    ).map(
        lambda document: json.dumps(
            {"schemaVersion": 2, "x": document, **(document if isinstance(document, dict) else {})}
        ).encode()
    ),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "\u00fc"])


def proper(answer: Answer, method: str) -> None:
    """An answer that clients understand: never a fault of the server, errors as a document, the length as it is."""
    assert answer.status < 500, answer
    if method == "HEAD":
        assert answer.body == b""
        return
    if "content-length" in answer.headers:
        assert int(answer.headers["content-length"]) == len(answer.body)
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.codes) <= KNOWN
        assert answer.codes


class ProtocolSuite:
    """Subclass it with a fixture `app`, which may be one for the whole class."""

    @pytest.mark.parametrize(
        ("method", "target", "status", "name"),
        [
            ("GET", "/v2/UPPER/manifests/1", 400, "NAME_INVALID"),
            ("GET", "/v2/a..b/tags/list", 400, "NAME_INVALID"),
            ("GET", "/v2/-a/tags/list", 400, "NAME_INVALID"),
            ("GET", f"/v2/{'a' * 256}/tags/list", 400, "NAME_INVALID"),
            ("GET", "/v2/a/../b/tags/list", 400, "NAME_INVALID"),
            ("POST", "/v2/a%00b/blobs/uploads/", 400, "NAME_INVALID"),
            ("GET", "/v2/wire/nobody/tags/list", 404, "NAME_UNKNOWN"),
            ("GET", f"/v2/{NAME}/manifests/missing", 404, "MANIFEST_UNKNOWN"),
            ("GET", f"/v2/{NAME}/manifests/-bad", 404, "MANIFEST_UNKNOWN"),
            ("GET", f"/v2/{NAME}/manifests/{'a' * 129}", 404, "MANIFEST_UNKNOWN"),
            ("GET", f"/v2/{NAME}/manifests/sha256:zz", 400, "DIGEST_INVALID"),
            ("GET", f"/v2/{NAME}/manifests/sha256:{'A' * 64}", 400, "DIGEST_INVALID"),
            ("DELETE", f"/v2/{NAME}/manifests/md5:{'0' * 32}", 400, "DIGEST_INVALID"),
            ("GET", f"/v2/{NAME}/blobs/sha256:zz", 400, "DIGEST_INVALID"),
            ("GET", f"/v2/{NAME}/blobs/nonsense", 400, "DIGEST_INVALID"),
            ("GET", f"/v2/{NAME}/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
            ("DELETE", f"/v2/{NAME}/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
            ("GET", f"/v2/{NAME}/referrers/nonsense", 400, "DIGEST_INVALID"),
            ("GET", f"/v2/{NAME}/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"),
            ("GET", f"/v2/{NAME}/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
            ("GET", f"/v2/{NAME}/tags/list?n=%D9%A4", 400, "PAGINATION_NUMBER_INVALID"),
            ("GET", f"/v2/{NAME}/tags/list?n={'9' * 30}", 400, "PAGINATION_NUMBER_INVALID"),
            ("GET", "/v2/_catalog?n=1.5", 400, "PAGINATION_NUMBER_INVALID"),
            ("POST", f"/v2/{NAME}/blobs/uploads/?digest=nonsense", 400, "DIGEST_INVALID"),
            ("POST", f"/v2/{NAME}/blobs/uploads/?mount=nonsense", 400, "DIGEST_INVALID"),
            ("POST", f"/v2/{NAME}/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID"),
            ("PATCH", f"/v2/{NAME}/blobs/uploads/unknown", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("PUT", f"/v2/{NAME}/blobs/uploads/unknown?digest={DIGEST}", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("GET", f"/v2/{NAME}/blobs/uploads/%2e%2e", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("DELETE", f"/v2/{NAME}/blobs/uploads/unknown", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("POST", f"/v2/{NAME}/manifests/1", 405, "UNSUPPORTED"),
            ("DELETE", f"/v2/{NAME}/tags/list", 405, "UNSUPPORTED"),
            ("GET", "/v2/nothing", 404, "UNSUPPORTED"),
            ("GET", "/v2//manifests/1", 404, "UNSUPPORTED"),
        ],
    )
    def test_what_is_malformed_or_missing_gets_its_code(
        self, app: Application, method: str, target: str, status: int, name: str
    ) -> None:
        push(app)
        answer = call(app, method, target)
        proper(answer, method)
        assert (answer.status, answer.codes) == (status, [name])

    @pytest.mark.parametrize(
        ("raw", "media_type", "name"),
        [
            (b"{", OCI_MANIFEST, "MANIFEST_INVALID"),
            (b"{}", "", "MANIFEST_INVALID"),
            (b'{"schemaVersion":2,"manifests":[]}', "text/html; charset=x", "MANIFEST_INVALID"),
            (manifest(b"{}", [b"never pushed"]), OCI_MANIFEST, "MANIFEST_BLOB_UNKNOWN"),
        ],
    )
    def test_manifests_that_cannot_be_get_their_code(
        self, app: Application, raw: bytes, media_type: str, name: str
    ) -> None:
        push(app)
        answer = call(app, "PUT", f"/v2/{NAME}/manifests/x", raw, [(b"content-type", media_type.encode())])
        proper(answer, "PUT")
        assert answer.codes == [name]
        answer = call(app, "PUT", f"/v2/{NAME}/manifests/{DIGEST}", b"{}", [(b"content-type", OCI_INDEX.encode())])
        assert answer.codes == ["DIGEST_INVALID"]
        big = [(b"content-type", OCI_INDEX.encode())]
        answer = call(app, "PUT", f"/v2/{NAME}/manifests/x", b" " * (9 << 20), big)
        assert (answer.status, answer.codes) == (413, ["SIZE_INVALID"])

    @pytest.mark.parametrize(
        ("text", "status", "body"),
        [
            ("bytes=0-9", 206, BLOB[:10]),
            ("bytes=990-", 206, BLOB[990:]),
            ("bytes=-10", 206, BLOB[-10:]),
            ("bytes=990-99999", 206, BLOB[990:]),
            ("bytes=-99999", 206, BLOB),
            ("bytes=1000-", 416, None),
            ("bytes=-0", 416, None),
            ("bytes=5-2", 200, BLOB),
            ("bytes=x-y", 200, BLOB),
            ("bytes=-", 200, BLOB),
            ("lines=0-9", 200, BLOB),
            ("bytes=" + "0-999," * 100 + "0-999", 200, BLOB),
        ],
    )
    def test_ranges_are_answered_as_http_says(
        self, app: Application, text: str, status: int, body: bytes | None
    ) -> None:
        push(app)
        answer = call(app, "GET", f"/v2/{NAME}/blobs/{DIGEST}", headers=[(b"range", text.encode())])
        assert answer.status == status
        if body is None:
            assert answer.headers["content-range"] == "bytes */1000"
        else:
            assert answer.body == body

    def test_chunks_that_do_not_follow_are_refused_and_the_upload_goes_on(self, app: Application) -> None:
        place = begun(app)
        assert call(app, "PATCH", place, BLOB[:500], [(b"content-range", b"0-499")]).status == 202
        for text in (b"0-499", b"501-999", b"x", b"600-500"):
            answer = call(app, "PATCH", place, BLOB[500:], [(b"content-range", text)])
            assert (answer.status, answer.codes) == (416, ["BLOB_UPLOAD_INVALID"])
        assert call(app, "GET", place).headers["range"] == "0-499"
        answer = call(app, "PUT", f"{place}?digest={DIGEST}", BLOB[500:], pieces=7)
        assert answer.status == 201
        assert call(app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == BLOB

    def test_a_client_that_goes_away_leaves_an_upload_that_goes_on(self, app: Application) -> None:
        place = begun(app)
        answer = call(app, "PATCH", place, BLOB[:300], pieces=3, vanish=True)
        assert (answer.status, answer.codes) == (400, ["BLOB_UPLOAD_INVALID"])
        have = int(call(app, "GET", place).headers["range"].partition("-")[2]) + 1
        assert have == 300
        wanted = f"{place}?digest={DIGEST}"
        assert call(app, "PUT", wanted, BLOB[have:], [(b"content-range", f"{have}-999".encode())]).status == 201

    def test_what_a_path_does_not_take_is_answered_with_what_it_does(self, app: Application) -> None:
        push(app)
        for path, allowed in {
            f"/v2/{NAME}/tags/list": "GET, HEAD",
            f"/v2/{NAME}/manifests/1": "GET, HEAD, PUT, DELETE",
            f"/v2/{NAME}/blobs/{DIGEST}": "GET, HEAD, DELETE",
            f"/v2/{NAME}/blobs/uploads/": "POST",
            f"/v2/{NAME}/referrers/{DIGEST}": "GET, HEAD",
            "/v2/_catalog": "GET, HEAD",
        }.items():
            for method in ("OPTIONS", "TRACE", "BREW"):
                answer = call(app, method, path)
                assert (answer.status, answer.codes, answer.headers["allow"]) == (405, ["UNSUPPORTED"], allowed)

    def test_head_says_what_get_says(self, app: Application) -> None:
        tag = push(app)
        for path in (
            "/v2/",
            "/v2/_catalog",
            f"/v2/{NAME}/tags/list",
            f"/v2/{NAME}/tags/list?n=0",
            f"/v2/{NAME}/referrers/{tag}?artifactType=a/b",
            f"/v2/{NAME}/manifests/1",
            f"/v2/{NAME}/manifests/missing",
            f"/v2/{NAME}/blobs/{DIGEST}",
            f"/v2/{NAME}/blobs/sha256:{'0' * 64}",
            begun(app),
        ):
            whole, head = call(app, "GET", path), call(app, "HEAD", path)
            assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b""), path

    @pytest.mark.parametrize("kind", ["manifest", "blob"])
    def test_conditions_are_held_to(self, app: Application, kind: str) -> None:
        image = push(app)
        path, etag = {
            "manifest": (f"/v2/{NAME}/manifests/1", f'"{image}"'),
            "blob": (f"/v2/{NAME}/blobs/{DIGEST}", f'"{DIGEST}"'),
        }[kind]
        other = b'"sha256:0"'
        for method in ("GET", "HEAD"):
            for lines, status in (
                ([(b"if-none-match", etag.encode())], 304),
                ([(b"if-none-match", b"W/" + etag.encode())], 304),
                ([(b"if-none-match", etag.encode()), (b"if-none-match", other)], 304),
                ([(b"if-none-match", other + b", " + etag.encode())], 304),
                ([(b"if-none-match", b"*")], 304),
                ([(b"if-none-match", other)], 200),
                ([(b"if-match", etag.encode())], 200),
                ([(b"if-match", other), (b"if-match", etag.encode())], 200),
                ([(b"if-match", b"*")], 200),
                ([(b"if-match", other)], 412),
                ([(b"if-match", b"W/" + etag.encode())], 412),
            ):
                answer = call(app, method, path, headers=lines)
                assert answer.status == status, lines
                if status == 304:
                    assert (answer.headers["etag"], answer.body) == (etag, b"")
        if kind == "blob":
            for if_range, status in ((etag.encode(), 206), (other, 200), (b"Wed, 21 Oct 2015 07:28:00 GMT", 200)):
                lines = [(b"range", b"bytes=0-9"), (b"if-range", if_range)]
                assert call(app, "GET", path, headers=lines).status == status

    def test_a_tag_is_made_moved_and_deleted_only_on_its_conditions(self, app: Application) -> None:
        push(app)
        one, other = manifest(b"{}", []), manifest(b"{}", [BLOB, BLOB])
        path, kind = f"/v2/{NAME}/manifests/conditional", (b"content-type", OCI_MANIFEST.encode())
        absent = [kind, (b"if-none-match", b"*")]
        assert call(app, "PUT", path, one, [kind, (b"if-match", b"*")]).status == 412
        assert call(app, "PUT", path, one, absent).status == 201
        assert call(app, "PUT", path, other, absent).status == 412
        wrong, right = f'"{Digest.of(other)}"'.encode(), f'"{Digest.of(one)}"'.encode()
        assert call(app, "PUT", path, other, [kind, (b"if-match", wrong)]).status == 412
        assert call(app, "PUT", path, other, [kind, (b"if-match", wrong), (b"if-match", right)]).status == 201
        by_digest = f"/v2/{NAME}/manifests/{Digest.of(one)}"
        assert call(app, "PUT", by_digest, one, [kind, (b"if-match", right)]).status == 201
        assert call(app, "PUT", path, other, [kind, (b"if-match", b"*")]).status == 201
        assert call(app, "DELETE", path, headers=[(b"if-match", right)]).status == 412
        assert call(app, "DELETE", path, headers=[(b"if-match", wrong)]).status == 202
        assert call(app, "PUT", path, other, absent).status == 201

    def test_a_body_that_is_not_as_long_as_its_range_is_refused(self, app: Application) -> None:
        place = begun(app)
        answer = call(app, "PATCH", place, BLOB[:600], [(b"content-range", b"0-499")], pieces=3)
        assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])
        have = 0
        if call(app, "GET", place).headers["range"] != "0-0":
            have = int(call(app, "GET", place).headers["range"].partition("-")[2]) + 1
        assert have <= 500
        line = (b"content-range", f"{have}-999".encode())
        answer = call(app, "PATCH", place, BLOB[have:-1], [line], pieces=3)
        assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])
        line = (b"content-range", b"999-999")
        assert call(app, "PUT", f"{place}?digest={DIGEST}", BLOB[-1:], [line], pieces=3).status == 201

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_either_algorithm_serves_everywhere(self, app: Application, algorithm: str) -> None:
        data, config = b"hashed by " + algorithm.encode(), b'{"by":"' + algorithm.encode() + b'"}'
        for each in (data, config):
            begin = call(app, "POST", f"/v2/{NAME}/blobs/uploads/?digest-algorithm={algorithm}")
            place = begin.headers["location"]
            assert call(app, "PATCH", place, each).status == 202
            assert call(app, "PUT", f"{place}?digest={Digest.of(each, algorithm)}").status == 201
        wanted = Digest.of(data, algorithm)
        assert call(app, "GET", f"/v2/{NAME}/blobs/{wanted}").body == data
        away = f"/v2/{NAME}-{algorithm}/blobs"
        assert call(app, "POST", f"{away}/uploads/?mount={wanted}&from={NAME}").status == 201
        assert call(app, "HEAD", f"{away}/{wanted}").headers["docker-content-digest"] == str(wanted)
        layer = {"mediaType": "a/b", "digest": str(wanted), "size": len(data)}
        first = {"mediaType": "a/c", "digest": str(Digest.of(config, algorithm)), "size": len(config)}
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": first, "layers": [layer]}
        kind = [(b"content-type", OCI_MANIFEST.encode())]
        raw = json.dumps(document).encode()
        named = Digest.of(raw, algorithm)
        answer = call(app, "PUT", f"/v2/{NAME}/manifests/{named}?tag=by-{algorithm}", raw, kind)
        assert (answer.status, answer.headers["oci-tag"]) == (201, f"by-{algorithm}")
        assert answer.headers["docker-content-digest"] == str(named)
        answer = call(app, "GET", f"/v2/{NAME}/manifests/by-{algorithm}")
        assert (answer.headers["docker-content-digest"], answer.body) == (str(named), raw)
        about = {"mediaType": OCI_MANIFEST, "digest": str(named), "size": len(raw)}
        referrer = json.dumps({**document, "subject": about, "artifactType": "a/sign"}).encode()
        answer = call(app, "PUT", f"/v2/{NAME}/manifests/{Digest.of(referrer, algorithm)}", referrer, kind)
        assert answer.headers["oci-subject"] == str(named)
        for query, count in (("", 1), ("?artifactType=a/sign", 1), ("?artifactType=a/other", 0)):
            answer = call(app, "GET", f"/v2/{NAME}/referrers/{named}{query}")
            assert len(answer.document["manifests"]) == count
            assert ("oci-filters-applied" in answer.headers) == bool(query)
            if count:
                assert answer.document["manifests"][0]["digest"] == str(Digest.of(referrer, algorithm))

    def test_the_empty_blob_is_a_blob(self, app: Application) -> None:
        empty = Digest.of(b"")
        for place in (f"/v2/{NAME}/blobs/uploads/?digest={empty}", f"{begun(app)}?digest={empty}"):
            assert call(app, "POST" if "uploads/?" in place else "PUT", place).status == 201
        answer = call(app, "GET", f"/v2/{NAME}/blobs/{empty}")
        assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")
        answer = call(app, "GET", f"/v2/{NAME}/blobs/{empty}", headers=[(b"range", b"bytes=0-")])
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */0")

    def test_several_ranges_come_as_parts(self, app: Application) -> None:
        push(app)
        lines = [(b"range", b"Bytes=0-9, 500-509,-5")]
        answer = call(app, "GET", f"/v2/{NAME}/blobs/{DIGEST}", headers=lines)
        kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
        assert (answer.status, kind) == (206, "multipart/byteranges")
        assert len(answer.body) == int(answer.headers["content-length"])
        parts = answer.body.split(f"--{boundary}".encode())
        found = [part.partition(b"\r\n\r\n") for part in parts[1:-1]]
        assert [body[:-2] for _, _, body in found] == [BLOB[:10], BLOB[500:510], BLOB[-5:]]
        spans = [b"bytes 0-9/1000", b"bytes 500-509/1000", b"bytes 995-999/1000"]
        assert all(b"Content-Range: " + span in head for span, (head, _, _) in zip(spans, found, strict=True))
        assert parts[-1] == b"--\r\n"
        # Of several the one that can be had; what lies outside is left out.
        lines = [(b"range", b"bytes=0-9,5000-")]
        answer = call(app, "GET", f"/v2/{NAME}/blobs/{DIGEST}", headers=lines)
        assert (answer.status, answer.headers["content-range"], answer.body) == (206, "bytes 0-9/1000", BLOB[:10])

    def test_a_wrong_digest_at_the_end_is_refused(self, app: Application) -> None:
        for text in ("", "digest=", "digest=x", f"digest=sha256:{'0' * 64}"):
            place = begun(app)
            answer = call(app, "PUT", f"{place}?{text}", b"data")
            assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(METHODS, st.lists(PARTS, max_size=6), QUERIES, HEADERS, BODIES, st.booleans())
    def test_nothing_that_anybody_sends_is_a_fault_of_the_server(
        self,
        app: Application,
        method: str,
        parts: list[str],
        query: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        vanish: bool,
    ) -> None:
        target = "/v2/" + "/".join(parts).replace("?", "%3F") + (f"?{query}" if query else "")
        proper(call(app, method, target, body, headers, pieces=2, vanish=vanish), method)

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        METHODS,
        st.sampled_from(
            [
                f"/v2/{NAME}/manifests/1",
                f"/v2/{NAME}/blobs/{DIGEST}",
                f"/v2/{NAME}/tags/list",
                "/v2/_catalog",
                "upload",
                f"/v2/{NAME}/blobs/uploads/",
                f"/v2/{NAME}/referrers/{DIGEST}",
                f"/v2/{NAME}/manifests/{DIGEST}",
                "/v2/",
            ]
        ),
        QUERIES,
        HEADERS,
        BODIES,
    )
    def test_no_header_parameter_or_body_of_a_real_endpoint_is_either(
        self,
        app: Application,
        method: str,
        path: str,
        query: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        target = begun(app) if path == "upload" else path
        proper(call(app, method, target + (f"?{query}" if query else ""), body, headers), method)
