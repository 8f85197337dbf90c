"""Headless Chromium, driven by Debian's python3-selenium.

    with Browser() as browser:
        browser.resize(390, phone=True)
        browser.open(path)
        browser.run("return document.title"), browser.complaints(), browser.requests()

Nothing it opens reaches a network, and its files are gone when it is closed. A check that imports this
ends with 'skipped' where there is no Chromium, and fails where CI=true.
"""

import base64
import json
import os
import shutil
import sys
import tempfile

from verdict import SKIPPED

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
except ImportError:
    webdriver = None

SECONDS = 60
DEBIAN = {"chromium": "chromium", "chromedriver": "chromium-driver"}


def missing():
    """Debian's names of the packages that are not there."""
    return ([] if webdriver else ["python3-selenium"]) + [
        package for program, package in DEBIAN.items() if not shutil.which(program)]


if missing():
    print(f"SKIP no browser: {', '.join(missing())} missing", flush=True)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)


def options():
    found = webdriver.ChromeOptions()
    found.binary_location = shutil.which("chromium")
    found.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    wanted = ["--headless=new", "--no-sandbox",  # which root and most containers cannot have; the pages are our own
              "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
              "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND", "--force-color-profile=srgb"]
    for argument in wanted:
        found.add_argument(argument)
    return found


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="browser-")
        service = Service(shutil.which("chromedriver"), log_path=os.devnull,
                          env={**os.environ, "TMPDIR": self.folder, "HOME": self.folder})
        try:
            self.driver = webdriver.Chrome(service=service, options=options())
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.driver.set_page_load_timeout(SECONDS)
        self.driver.set_script_timeout(SECONDS)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, path):
        """Opens a file; what was logged before is forgotten."""
        self.complaints()
        self.requests()
        self.driver.get(path.as_uri())

    def run(self, script, *arguments):
        """What a function of this body returns; arguments[0] and so on are within it."""
        return self.driver.execute_script(script, *arguments)

    def tell(self, command, **parameters):
        """A command of Chromium's own protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def resize(self, width, height=900, phone=False):
        """The window's size in css pixels, which the page has taken note of; a phone also has fingers."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=phone)
        self.tell("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def look(self, scheme="light", media="screen"):
        """Light or dark; on the screen or on paper."""
        self.tell("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def allow_scripts(self, allowed):
        self.tell("Emulation.setScriptExecutionDisabled", value=not allowed)

    def point(self, x, y):
        """Moves the mouse to a place of the window."""
        self.tell("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def tap(self, x, y):
        """A finger down and up again."""
        self.tell("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.tell("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, *keys):
        """Keys, for what has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self):
        """What scripts and the browser said since the last call: errors and warnings."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """The addresses asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def picture(self, height):
        """The bytes of a PNG of the page from its top, as wide as the window."""
        clip = {"x": 0, "y": 0, "width": self.run("return innerWidth"), "height": height, "scale": 1}
        made = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(made["data"])
