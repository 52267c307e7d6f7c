"""Steady load on the shop, to see what a rollout does to the people who use it."""

import http.client
import threading
import time
from collections import Counter
from typing import Self


class Load:
    """Requests from `clients` threads, each about 50 a second, until `stop`; counts answers by version and status."""

    def __init__(self, port: int, clients: int = 4) -> None:
        self.answers: Counter[str] = Counter()
        self.errors: list[str] = []
        self._port = port
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _client(self) -> None:
        while not self._stopping.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
                connection.close()
                with self._lock:
                    self.answers[f"version {response.headers.get('X-Shop-Version', '?')}"] += 1
                    if response.status != 200:
                        self.errors.append(f"status {response.status}")
            except OSError as error:
                with self._lock:
                    self.errors.append(repr(error))
            time.sleep(0.02)
