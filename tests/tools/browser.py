"""Headless Chromium, driven by Debian's python3-selenium.

    with Browser() as browser:
        browser.resize(390, phone=True)
        browser.open(path)
        browser.run("return document.title"), browser.complaints(), browser.requests()

Pages cannot reach a network, and its files are removed when it is closed. A check that imports this module is skipped
if Chromium is missing, or fails if CI=true.
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
    """The Debian names of the missing packages."""
    return ([] if webdriver else ["python3-selenium"]) + [
        package for program, package in DEBIAN.items() if not shutil.which(program)]


if missing():
    print(f"SKIP no browser: {', '.join(missing())} missing", flush=True)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)


def options():
    found = webdriver.ChromeOptions()
    found.binary_location = shutil.which("chromium")
    found.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    wanted = ["--headless=new", "--no-sandbox",  # the sandbox fails for root and in most containers; the pages are our own
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
        """Opens a file, and discards earlier log messages."""
        self.complaints()
        self.requests()
        self.driver.get(path.as_uri())

    def run(self, script, *arguments):
        """The return value of a function with this body, which may use arguments[0] and so on."""
        return self.driver.execute_script(script, *arguments)

    def tell(self, command, **parameters):
        """Runs a command of Chromium's DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def resize(self, width, height=900, phone=False):
        """Sets the window's size in css pixels and waits until the page has adapted; a phone also has a touch screen."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=phone)
        self.tell("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def look(self, scheme="light", media="screen"):
        """Sets light or dark, and screen or print."""
        self.tell("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def allow_scripts(self, allowed):
        self.tell("Emulation.setScriptExecutionDisabled", value=not allowed)

    def point(self, x, y):
        """Moves the mouse to a position in the window."""
        self.tell("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def tap(self, x, y):
        """Taps with a finger."""
        self.tell("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.tell("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, *keys):
        """Sends keys to the element that has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self):
        """Errors and warnings of scripts and the browser since the last call."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """The addresses requested since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def picture(self, height):
        """A PNG of the page from its top, as wide as the window, as bytes."""
        clip = {"x": 0, "y": 0, "width": self.run("return innerWidth"), "height": height, "scale": 1}
        made = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(made["data"])
