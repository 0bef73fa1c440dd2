"""A headless Chromium over the DevTools protocol: opens pages, types, clicks, looks."""

from __future__ import annotations

import base64
import io
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--use-gl=angle",
    "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-first-run", "--lang=en-US",
    "--disable-extensions", "--disable-background-networking", "--disable-dev-shm-usage",
    "--disable-component-update", "--remote-debugging-port=0", "--hide-scrollbars",
)  # fmt: skip


def find_chromium() -> str | None:
    """Path of a Chromium of this machine, None if there is none."""
    return next((path for name in _PROGRAMS if (path := shutil.which(name))), None)


class Browser:
    """One Chromium process; use as a context."""

    def __init__(self, program: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="chromium-")
        self._process = subprocess.Popen(
            [program, *_ARGUMENTS, f"--user-data-dir={self._folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = Path(self._folder) / "DevToolsActivePort"
        wait_for(lambda: port_file.exists() and port_file.read_text().strip(), 60)
        self.port = int(port_file.read_text().splitlines()[0])

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, url: str, width: int = 1280, height: int = 800) -> Tab:
        """A new page of that size; `about:blank` first, so that everything is watched."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT"
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            target = json.load(answer)
        tab = Tab(target["webSocketDebuggerUrl"])
        tab.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip
        for domain in ("Page", "Runtime"):
            tab.send(f"{domain}.enable")
        tab.send("Emulation.setFocusEmulationEnabled", enabled=True)
        tab.send("Page.navigate", url=url)
        return tab


class Tab:
    """One page."""

    def __init__(self, url: str) -> None:
        from websockets.sync.client import connect

        self._socket = connect(url, max_size=None, compression=None)
        self._ids = itertools.count(1)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result; events that come in between are dropped."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def text(self) -> str:
        """What a person can read on the page."""
        return self.run("document.body?.innerText ?? ''")

    def wait_text(self, text: str, seconds: float = 20) -> None:
        """Wait until the page shows a text."""
        wait_for(lambda: text in self.text(), seconds, f"the page to show {text!r}")

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.send("Input.insertText", text=text)

    def key(self, key: str) -> None:
        """Press and release one key."""
        codes = {"Enter": 13, "Escape": 27, "Tab": 9}
        code = codes[key] if key in codes else 191 if key == "/" else ord(key.upper())
        name = key if key in codes else ("Slash" if key == "/" else f"Key{key.upper()}")
        if key.isdigit():
            name = f"Digit{key}"
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        event = {"key": key, "code": name, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def click(self, x: float, y: float) -> None:
        """Move there and press the left button for a moment."""
        at = {"x": x, "y": y}
        self.send("Input.dispatchMouseEvent", type="mouseMoved", **at)
        time.sleep(0.1)
        button = {"button": "left", "clickCount": 1, **at}
        self.send("Input.dispatchMouseEvent", type="mousePressed", **button)
        time.sleep(0.05)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", **button)

    def click_on(self, text: str) -> None:
        """Click the innermost element that shows exactly this text."""
        place = self.run(
            "(() => {const all = [...document.querySelectorAll('button,[role=tab],label,span,p')]"
            f".filter(e => e.innerText && e.innerText.trim() === {json.dumps(text)});"
            "const r = all.at(-1)?.getBoundingClientRect();"
            "return r ? [r.x + r.width / 2, r.y + r.height / 2] : null})()"
        )
        assert place, f"nothing on the page says {text!r}"
        self.click(*place)

    def picture(self) -> np.ndarray:
        """[H,W,3] uint8 what the page looks like."""
        data = self.send("Page.captureScreenshot", format="png")["data"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))

    def close(self) -> None:
        """Close the page as its user would."""
        try:
            self.send("Page.close")
        finally:
            self._socket.close()


def wait_for(condition: Callable[[], Any], seconds: float, what: str = "it") -> Any:
    """Wait until a condition holds and return its value; fails after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")
