"""The registry's guard (`registry.guard.Guard`) over accounts: who asks, and what may it do at this moment.

What was looked up is kept by the hash of the header. Once a second one request looks at the number in the database
that counts changes of rights (`state`); when it is another, everything kept is looked up again, which takes one read
for each caller and no password check. So a change holds after a second at most, on every process and replica.
"""

import base64
import binascii
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Container
from typing import NamedTuple, TypeVar

from dockyard.errors import Error
from dockyard.registry.caller import Caller
from dockyard.registry.guard import Open, Pass
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.access import reading, state
from dockyard.server.access.bucket import Bucket
from dockyard.server.access.login import Login, LoginRefusedError, TooManyTriesError, fingerprint
from dockyard.server.access.principal import ANONYMOUS_PROOF, Principal, may
from dockyard.server.access.state import State
from dockyard.server.access.tokens import CATALOG, Ceiling, Shown

K = TypeVar("K")
V = TypeVar("V")

_LOG = logging.getLogger("dockyard.access")
_MOST_KEPT = 16_384
_MOST_MEMORIES = 4_096
FRESH_S = 1.0
# A database that is away for a moment does not lock everybody out at once.
_STALE_S = 30.0
# A check takes less; where it hangs, those who wait for it must not hold all threads.
_TURN_S = 1.0
_LONGEST_HEADER = 20 << 10


class _Kept(NamedTuple):
    until: float
    permit: Pass
    bucket: Bucket | None


class Doorkeeper:
    """The guard. May be used from several threads.

    Args:
        login: checks secrets.
        local: whether everybody may do everything as long as there are no accounts: only where nobody but this
            machine can reach the server.
        fresh: seconds for which the number of changes is believed.
    """

    def __init__(self, login: Login, *, local: bool = True, fresh: float = FRESH_S) -> None:
        self._login, self._local, self._fresh = login, local, fresh
        self._rate = login.settings.rate
        self._burst = login.settings.burst or 2 * self._rate
        self._lock = threading.Lock()
        self._state: State | None = None
        self._looked = self._believed = float("-inf")
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._shown: OrderedDict[bytes, Shown] = OrderedDict()
        self._turns: dict[bytes, threading.Lock] = {}
        self._buckets: OrderedDict[object, Bucket] = OrderedDict()

    def known(self, authorization: str) -> Pass | None:
        """The caller behind a header, if that was looked at within its time.

        Raises:
            WireError: TOOMANYREQUESTS.
        """
        at = time.monotonic()
        if at >= self._believed:
            return None
        kept = self._kept.get(fingerprint(authorization))
        if kept is None or at >= kept.until:
            return None
        if kept.bucket is not None:
            _pay(kept.bucket)
        return kept.permit

    def admit(self, authorization: str, address: str, base: str) -> Pass:
        """The caller behind a header, looked up.

        Raises:
            WireError: UNAUTHORIZED with a challenge, TOOMANYREQUESTS.
            DatabaseError: the database cannot be reached.
        """
        now = self.state()
        if not now.accounts and self._local:
            permit: Pass = Open().admit(authorization, address, base)
            self._keep(fingerprint(authorization), _Kept(float("inf"), permit, None))
            return permit
        key = fingerprint(authorization)
        kept = self._kept.get(key)
        if kept is None or time.monotonic() >= kept.until:
            kept = self._look(key, authorization, address, base, now)
        if self._rate and kept.bucket is None:
            _pay(self._bucket(("address", address)))
        elif kept.bucket is not None:
            _pay(kept.bucket)
        return kept.permit

    def count(self, who: Principal, address: str) -> None:
        """Count a request of somebody who came without an Authorization header, such as with a web session; with the
        requests that the same account makes otherwise.

        Raises:
            WireError: TOOMANYREQUESTS.
        """
        if self._rate:
            known = who.proof.kind != "anonymous"
            _pay(self._bucket(who.proof[:2] if known else ("address", address)))

    def state(self) -> State:
        """What holds for everybody, a second old at most.

        Raises:
            DatabaseError: the database has been out of reach for half a minute.
        """
        with self._lock:
            at = time.monotonic()
            if self._state is not None and at < self._believed:
                return self._state
            try:
                found = state.current(self._login.database, self._state)
            except Error:
                if self._state is None or at - self._looked > _STALE_S:
                    raise
                _LOG.warning("the database is out of reach; rights are believed as they were")
                self._believed = at + self._fresh
                return self._state
            if found is not self._state:
                # Nobody becomes anonymous again because the last account went.
                if self._state is not None and self._state.accounts:
                    self._local = False
                self._state = found
                self._kept.clear()
            self._looked, self._believed = at, at + self._fresh
            return found

    def shown(self, authorization: str, address: str) -> Shown:
        """Who a header shows, looked at now unless that was done within a minute.

        Raises:
            LoginRefusedError, TooManyTriesError: it shows nobody.
        """
        key = fingerprint(authorization)
        found = self._fresh_shown(key)
        if found is not None:
            return found
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        # Of many who come at once with one secret, such as after a restart, one has it checked for all.
        waited = turn.acquire(timeout=_TURN_S)
        try:
            found = self._fresh_shown(key)
            if found is None:
                found = _shown(self._login, authorization, address)
                with self._lock:
                    _put(self._shown, key, found)
            return found
        finally:
            if waited:
                turn.release()
            with self._lock:
                self._turns.pop(key, None)

    def _fresh_shown(self, key: bytes) -> Shown | None:
        found = self._shown.get(key)
        return found if found is not None and time.time() < found.expires else None

    def _look(self, key: bytes, authorization: str, address: str, base: str, now: State) -> _Kept:
        try:
            shown = self.shown(authorization, address)
        except TooManyTriesError as error:
            raise too_many(error.seconds) from error
        except LoginRefusedError as error:
            raise _unauthorized(base, self._login.settings.service, str(error)) from error
        with self._login.database.read() as connection:
            who = reading.principal(connection, shown.proof)
        if who is None:
            with self._lock:
                self._shown.pop(key, None)
            raise _unauthorized(base, self._login.settings.service, "the account is no longer there, or has changed")
        until = min(shown.expires, who.expires / 1000 if who.expires else shown.expires)
        permit = AccountPass(who, shown.ceiling, now.public, self._login.settings.service)
        known = who.proof.kind != "anonymous"
        bucket = self._bucket(who.proof[:2]) if self._rate and known else None
        kept = _Kept(time.monotonic() + until - time.time(), permit, bucket)
        # Those who are nobody are counted by their address, which `known` does not see.
        if (known or not self._rate) and self._state is now:
            self._keep(key, kept)
        return kept

    def _keep(self, key: bytes, kept: _Kept) -> None:
        with self._lock:
            _put(self._kept, key, kept)

    def _bucket(self, key: object) -> Bucket:
        with self._lock:
            found = self._buckets.get(key)
            if found is None:
                found = Bucket(self._rate, self._burst)
            _put(self._buckets, key, found)
            return found


class AccountPass:
    """What a principal may do, through a token or without one (`registry.guard.Pass`)."""

    def __init__(self, who: Principal, ceiling: Ceiling | None, public: Container[str], service: str) -> None:
        self.caller: Caller = who.caller
        self.principal = who
        self._ceiling, self._public, self._service = ceiling, public, service
        self._anonymous = who.proof.kind == "anonymous"
        self._memory: dict[tuple[str, str], bool] = {}

    @property
    def narrowed(self) -> bool:
        """Whether it came with a token that is good for a part of its rights only."""
        return self._ceiling is not None

    def allows(self, name: str, action: str) -> bool:
        """Whether it may; without a name: whether it may come in at all, or ask for the catalog."""
        found = self._memory.get((name, action))
        if found is None:
            found = self._decided(name, action)
            if len(self._memory) >= _MOST_MEMORIES:
                self._memory.clear()
            self._memory[name, action] = found
        return found

    def refusal(self, name: str, action: str, base: str, source: str = "") -> Exception:
        """401 where another token or login could help, else 403."""
        owner = self._owner(name, action) and (not source or self._owner(source, "pull"))
        helps = self._anonymous or (self._ceiling is not None and owner)
        if not helps:
            return WireError(codes.DENIED, f"{self.caller.name} may not {action} {name or 'here'}")
        if not name:
            scope = "registry:catalog:*" if action == "list" else ""
        else:
            scope = f"repository:{name}:{'pull,push' if action == 'push' else action}"
            scope += f" repository:{source}:pull" if source else ""
        error = "insufficient_scope" if self._ceiling is not None and not self._anonymous else ""
        return _unauthorized(base, self._service, "", scope, error)

    def _decided(self, name: str, action: str) -> bool:
        if not name:
            if self._ceiling is not None:
                return action != "list" or CATALOG in self._ceiling
            return not self._anonymous
        if not self._owner(name, action):
            return False
        if self._ceiling is None:
            return True
        return action == "list" or action in self._ceiling.get(name, ())

    def _owner(self, name: str, action: str) -> bool:
        if not name:
            return True
        return may(self.principal, name, "pull" if action == "list" else action, self._public)


def too_many(seconds: float) -> WireError:
    """The refusal of a caller that comes too often."""
    wait = max(1, int(-(-seconds // 1)))
    return WireError(codes.TOO_MANY_REQUESTS, f"try again in {wait} seconds", {"retry-after": str(wait)})


def decoded(text: str) -> tuple[str, str]:
    """Name and secret of a Basic header.

    Raises:
        LoginRefusedError: it has none.
    """
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise LoginRefusedError("the header cannot be read") from error
    name, colon, value = pair.partition(":")
    if not colon or not value or "\0" in pair:
        raise LoginRefusedError("the header has no name and secret")
    return name, value


def _shown(login: Login, authorization: str, address: str) -> Shown:
    if not authorization:
        return Shown(ANONYMOUS_PROOF, None, float("inf"))
    if len(authorization) > _LONGEST_HEADER:
        raise LoginRefusedError("the header is too long")
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "basic":
        name, value = decoded(rest)
        return login.basic(name, value, address)
    if scheme.lower() == "bearer":
        return login.bearer(rest.strip(), address)
    raise LoginRefusedError("unknown kind of login")


def _unauthorized(base: str, service: str, detail: str, scope: str = "", error: str = "") -> WireError:
    clean = "".join(each for each in base if each.isprintable() and each not in '"\\')
    parts = [f'realm="{clean}/token"', f'service="{service}"']
    parts += [f'scope="{scope}"'] if scope else []
    parts += [f'error="{error}"'] if error else []
    return WireError(codes.UNAUTHORIZED, detail, {"www-authenticate": "Bearer " + ",".join(parts)})


def _pay(bucket: Bucket) -> None:
    seconds = bucket.take()
    if seconds:
        raise too_many(seconds)


def _put(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MOST_KEPT:
        kept.popitem(last=False)
