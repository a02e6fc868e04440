"""Headless Chromium that a test drives: pages are opened, clicked, resized and printed.

Chromium speaks its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/) through two pipes, so that
neither a driver nor a package is needed that would have to fit the version of the browser.
"""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
MISSING = "Chromium is not installed"  # the reason why tests are skipped
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
)  # fmt: skip
AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
NO_AXE = "axe-core is not installed: npm install --no-save axe-core"
WAIT_SECONDS = 60.0  # the longest that a test waits for something on a page
SEVERE = ("serious", "critical")  # the impacts of violations that tests do not accept
FREE = 10  # file descriptors below are given to Chromium


class Page:
    """A page in Chromium.

    Args:
        browser: the process of Chromium.
        to_browser: the pipe that it reads commands from.
        from_browser: the pipe that it writes answers and events to.
    """

    def __init__(self, browser: subprocess.Popen, to_browser: int, from_browser: int):
        self._browser, self._to, self._from = browser, to_browser, from_browser
        self._rest, self._number, self._session = b"", 0, None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command of the protocol; the events until then are kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 20)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def frame(self) -> None:
        """Wait until what was changed is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script: str) -> Any:
        """The value of an expression in JavaScript; promises are awaited."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression in JavaScript is true."""
        end = time.monotonic() + WAIT_SECONDS
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def processor_seconds(self) -> float:
        """The time for which the page has occupied a processor, which does not depend on what else is running."""
        self.call("Performance.enable", timeDomain="threadTicks")
        found = {one["name"]: one["value"] for one in self.call("Performance.getMetrics")["metrics"]}
        return float(found["ThreadTime"])

    def size(self, width: int, height: int = 900, is_phone: bool = False) -> None:
        """Set the size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        self.frame()

    def dark(self, is_dark: bool) -> None:
        """Set the colours that the system prefers."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.frame()

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self._mouse("mouseMoved", x, y)
        self.frame()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at a place, and release it at another one; a click if both are the same."""
        self._mouse("mouseMoved", *start)
        self._mouse("mousePressed", *start, button="left", clickCount=1, buttons=1)
        if start != end:
            self._mouse("mouseMoved", *end, button="left", buttons=1)
        self._mouse("mouseReleased", *end, button="left", clickCount=1)
        self.frame()

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def box(self, selector: str) -> dict[str, float]:
        """The place of an element in the window, which is scrolled to it: x, y, width, height."""
        script = (
            f"(() => {{ const found = document.querySelector({json.dumps(selector)}); found.scrollIntoView("
            "{block: 'center', behavior: 'instant'}); return found.getBoundingClientRect().toJSON(); })()"
        )
        self.run(script)
        self.frame()  # what comes into sight is drawn, and may move what is below
        return self.run(script)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        box = self.box(selector)
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.drag(place, place)

    def write(self, selector: str, text: str) -> None:
        """Type a text into an element."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)
        self.frame()

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip
        self.frame()

    def choose(self, selector: str, value: str) -> None:
        """Set the value of a control, as if a person had chosen it."""
        self.run(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)}); found.value = "
            f"{json.dumps(value)}; for (const kind of ['input', 'change']) "
            "found.dispatchEvent(new Event(kind, {bubbles: true})); })()"
        )
        self.frame()

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def print(self, path: Path) -> None:
        """Write the page as a PDF for A4 paper."""
        found = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def violations(self) -> list[str]:
        """The serious and critical violations that axe-core finds, on a wide screen and a phone, light and dark.

        The page is wide and light afterwards.
        """
        found = []
        for width, is_dark in ((400, False), (400, True), (1400, True), (1400, False)):
            self.size(width, is_phone=width == 400)
            self.dark(is_dark)
            self.run(f"{AXE.read_text(encoding='utf-8')}; 0")
            results = self.run(
                "axe.run({resultTypes: ['violations']}).then(({violations}) => violations.map(({id, impact, nodes}) => "
                "({id, impact, html: nodes[0].html})))"
            )
            where = f"{width} pixels, {'dark' if is_dark else 'light'}"
            found += [f"{one['id']} at {where}: {one['html']}" for one in results if one["impact"] in SEVERE]
        return found

    @property
    def complaints(self) -> list[str]:
        """What the page has written to its console, its errors, and the addresses that it has asked for."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            address = told.get("request", {}).get("url", "")
            if event.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") or (
                event.get("method") == "Network.requestWillBeSent" and not address.startswith(("file:", "data:"))
            ):
                found.append(json.dumps(told))
        return found


@contextlib.contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """A page of a Chromium that ends with the block.

    Args:
        profile: the folder of its profile, which must not exist.
    """
    assert CHROMIUM is not None
    commands, answers = os.pipe(), os.pipe()
    # Chromium reads from descriptor 3 and writes to 4, which may be in use here.
    passed = [fcntl.fcntl(end, fcntl.F_DUPFD, FREE) for end in (commands[0], answers[1])]
    for end in (commands[0], answers[1]):
        os.close(end)
    script = f'exec "$0" "$@" 3<&{passed[0]} 4>&{passed[1]}'
    command = ["bash", "-c", script, CHROMIUM, *FLAGS, f"--user-data-dir={profile}"]
    browser = subprocess.Popen(command, pass_fds=passed, stderr=subprocess.DEVNULL)
    for end in passed:
        os.close(end)
    try:
        yield Page(browser, commands[1], answers[0])
    finally:
        os.close(commands[1])  # Chromium ends without its pipe
        os.close(answers[0])
        try:
            browser.wait(20)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
