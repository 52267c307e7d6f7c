"""A small but real OpenID Connect provider over HTTP on loopback: discovery, authorize, token, keys.

It keeps to authorization code with PKCE (S256) and refuses what OAuth says a provider must refuse. Whoever comes to
`/authorize` is logged in as `claims` at once.
"""

import base64
import hashlib
import json
import secrets
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from making.answering import Answering, Handler


@cache
def _key() -> RSAKey:
    """Every provider's first key: to make one takes longer than most tests."""
    return RSAKey.generate_key(2048, auto_kid=True)


class Provider:
    """The attributes are what it says and its faults, `denies` why it logs nobody in; `seen` lists the paths that were
    asked for.
    """

    def __init__(self) -> None:
        self.client, self.secret = "dockyard", "s3cr3t/&+"
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "Ada Lovelace", "email": "ada@example.org"}
        self.key: Any = _key()
        self.algorithm = "RS256"
        self.nonce: str | None = None
        self.audience: Any = None
        self.named = ""
        self.denies = ""
        self.seen: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                provider.respond(self, body)

        self._server = Answering(Handling)
        self.issuer = self._server.url

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def renew(self) -> None:
        """Sign with another key from now on, of another kind."""
        self.key, self.algorithm = ECKey.generate_key("P-256", auto_kid=True), "ES256"

    def token(self, *, key: Any = None, algorithm: str = "", **claims: Any) -> str:
        """An identity token; claims given as None are left out."""
        key = key or self.key
        at = int(time.time())
        whole = {"iss": self.named or self.issuer, "iat": at, "exp": at + 300, **self.claims, **claims}
        header = {"alg": algorithm or self.algorithm, "kid": self.key.kid}
        whole = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(header, whole, key, algorithms=[header["alg"]])

    def respond(self, request: Handler, body: bytes) -> None:
        """Answer one request."""
        parts = urlsplit(request.path)
        self.seen.append(parts.path)
        words = {name: values[0] for name, values in parse_qs(parts.query or body.decode()).items()}
        if parts.path == "/.well-known/openid-configuration":
            places = {f"{each}_endpoint": f"{self.issuer}/{each}" for each in ("authorization", "token")}
            self._send(request, 200, {"issuer": self.named or self.issuer, "jwks_uri": f"{self.issuer}/keys", **places})
        elif parts.path == "/keys":
            self._send(request, 200, {"keys": [{**self.key.as_dict(private=False), "use": "sig"}]})
        elif parts.path == "/authorization":
            self._authorize(request, words)
        elif parts.path == "/token" and request.command == "POST":
            self._exchange(request, words)
        else:
            self._send(request, 404, {"error": "not_found"})

    def _authorize(self, request: Handler, words: dict[str, str]) -> None:
        wanted = ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge")
        right = all(words.get(each) for each in wanted) and words["client_id"] == self.client
        if not right or words["response_type"] != "code" or words.get("code_challenge_method") != "S256":
            self._send(request, 400, {"error": "invalid_request"})
            return
        if self.denies:
            place = words["redirect_uri"] + "?" + urlencode({"error": self.denies, "state": words["state"]})
            request.answer(302, headers={"Location": place})
            return
        code = secrets.token_urlsafe(16)
        self._codes[code] = words
        place = words["redirect_uri"] + "?" + urlencode({"code": code, "state": words["state"]})
        request.answer(302, headers={"Location": place})

    def _exchange(self, request: Handler, words: dict[str, str]) -> None:
        kind, _, pair = request.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        if kind != "Basic" or (unquote(name), unquote(secret)) != (self.client, self.secret):
            self._send(request, 401, {"error": "invalid_client"})
            return
        begun = self._codes.pop(words.get("code", ""), None)
        digest = hashlib.sha256(words.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            begun is None
            or words.get("grant_type") != "authorization_code"
            or begun["redirect_uri"] != words.get("redirect_uri")
            or begun["code_challenge"] != challenge
        ):
            self._send(request, 400, {"error": "invalid_grant"})
            return
        nonce = begun["nonce"] if self.nonce is None else self.nonce
        token = self.token(nonce=nonce, aud=self.audience or self.client)
        self._send(request, 200, {"access_token": "x", "token_type": "Bearer", "id_token": token})

    @staticmethod
    def _send(request: Handler, status: int, document: Any) -> None:
        request.answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})
