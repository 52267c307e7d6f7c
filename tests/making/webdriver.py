"""A browser that tests steer: Chromium through chromedriver, by the WebDriver protocol over HTTP (W3C, WebDriver)."""

import base64
import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from making.ports import free_port

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, TAB, SPACE = "\ue007", "\ue004", " "


class WebDriver:
    """One browser window.

    Args:
        driver: the path of chromedriver.
        browser: the path of chromium.
        width: of the window in CSS pixels.
        height: likewise.
        dark: whether the browser asks for dark pages.
    """

    def __init__(self, driver: str, browser: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        port = free_port()
        self._process = subprocess.Popen(
            [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._base = f"http://127.0.0.1:{port}"
        try:
            self._wait()
            arguments = [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ]
            arguments += ["--disable-background-networking", "--no-first-run", "--lang=en"]
            arguments += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
            options = {"binary": browser, "args": arguments}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            self._base += f"/session/{self._call('POST', '/session', wanted)['sessionId']}"
            self.viewport(width, height, dark=dark)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser."""
        try:
            if "/session/" in self._base:
                self._call("DELETE", "")
        finally:
            self._process.terminate()
            self._process.wait(10)
            self._http.clear()

    def viewport(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Let the page be as large as on another device."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._devtools("Emulation.setEmulatedMedia", {"features": scheme})

    def scripts(self, on: bool) -> None:
        """Let pages run scripts, or not."""
        self._devtools("Emulation.setScriptExecutionDisabled", {"value": not on})

    def open(self, url: str) -> None:
        """Go to an address."""
        self._call("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self._call("GET", "/url"))

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return str(self._call("GET", f"/element/{self.find('body')}/text"))

    def find(self, selector: str) -> str:
        """The first element that a CSS selector names; it is waited for."""
        deadline = time.monotonic() + 10
        while True:
            try:
                found = self._call("POST", "/element", {"using": "css selector", "value": selector})
                return str(found[_ELEMENT])
            except LookupError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def link(self, text: str) -> str:
        """The link with a text."""
        return str(self._call("POST", "/element", {"using": "link text", "value": text})[_ELEMENT])

    def follow(self, element: str) -> None:
        """Click on an element that leads to another page, and wait for that."""
        before = self.find("html")
        self._call("POST", f"/element/{element}/click", {})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self.find("html") != before and self.value("return document.readyState") == "complete":
                    return
            except LookupError:
                pass  # between two pages
            time.sleep(0.02)
        raise AssertionError(f"{self.url} leads nowhere")

    def type(self, selector: str, text: str) -> None:
        """Type into a field in place of what it has."""
        element = self.find(selector)
        self._call("POST", f"/element/{element}/clear", {})
        self._call("POST", f"/element/{element}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press keys, as somebody without a mouse does."""
        actions: list[dict[str, str]] = []
        for key in keys:
            for each in key:
                actions += [{"type": "keyDown", "value": each}, {"type": "keyUp", "value": each}]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def value(self, script: str) -> Any:
        """What a script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        found = self._devtools("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(found["data"]))

    def _devtools(self, command: str, words: dict[str, Any]) -> Any:
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": words})

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError("chromedriver did not start")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        answer = self._http.request(method, self._base + path, body=data, headers={"content-type": "application/json"})
        found = json.loads(answer.data)["value"]
        if isinstance(found, dict) and found.get("error") in ("no such element", "stale element reference"):
            raise LookupError(found["message"])
        assert answer.status == 200, found
        return found
