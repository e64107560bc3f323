"""Drives the dashboard page in headless Chromium, for the system tests.

Needs Debian's chromium, chromium-driver and python3-selenium; `missing()` says what is not there.
"""
import base64
import os
import shutil
import tempfile
import time

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--no-proxy-server")


def missing():
    """The programs that are not installed, as one string; empty when a page can be opened."""
    return ", ".join(path for path in (CHROMIUM, CHROMEDRIVER) if not os.path.exists(path))


class BrowserPage:
    """One browser with the dashboard open. Use as a context manager."""

    def __init__(self, url, width=1600, height=1000):
        self._profile = tempfile.mkdtemp(prefix="glasswatch-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={self._profile}")
        options.add_argument(f"--window-size={width},{height}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
        except Exception:
            shutil.rmtree(self._profile, ignore_errors=True)
            raise
        self._errors = []
        self.driver.get(url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _element(self, testid):
        return self.driver.find_element(By.CSS_SELECTOR, f'[data-testid="{testid}"]')

    def text(self, testid):
        """What the page shows in the element, e.g. text("temperature") -> "412.34 ± 0.42"."""
        return self.driver.execute_script("return arguments[0].textContent", self._element(testid)).strip()

    def value(self, testid):
        """The number behind the element in full precision (data-value), e.g. value("power-4"); NaN when missing."""
        return float(self._element(testid).get_attribute("data-value"))

    def attribute(self, testid, name):
        return self._element(testid).get_attribute(name)

    def counter(self, source, column):
        """A counter cell as an integer, e.g. counter("camera", "lost"); of "3 (size 3)" the leading number."""
        return int(self.text(f"counter-{source}-{column}").split()[0])

    def powers(self):
        """Ring power by order, e.g. {2: 1.3e-3, ...}."""
        cells = self.driver.find_elements(By.CSS_SELECTOR, '#powers [data-testid^="power-"]')
        return {int(cell.get_attribute("data-testid").split("-")[1]): float(cell.get_attribute("data-value"))
                for cell in cells}

    def events(self):
        """Texts of the event rows, newest first; each a list of cells."""
        rows = self.driver.find_elements(By.CSS_SELECTOR, '[data-testid="events"] tr')
        return [[cell.get_attribute("textContent") for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]

    def is_stale(self):
        """True when the page greys its data because nothing arrives."""
        return self.driver.find_element(By.TAG_NAME, "body").get_attribute("data-stale") == "true"

    def click(self, testid):
        self._element(testid).click()

    def set_size(self, width, height):
        """The size of what the page has to itself, without the browser's frame."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def choose(self, testid, value):
        Select(self._element(testid)).select_by_value(value)

    def options(self, testid):
        return [option.get_attribute("value") for option in Select(self._element(testid)).options]

    def shown(self, testid):
        return self._element(testid).is_displayed()

    def point(self, testid, x, y):
        """Moves the mouse to a place in the element, px from its upper left corner."""
        element = self._element(testid)
        centre = element.size["width"] / 2, element.size["height"] / 2
        ActionChains(self.driver).move_to_element_with_offset(element, x - int(centre[0]), y - int(centre[1])).perform()

    def pixels(self, testid):
        """The canvas as (height, width, 4) of red, green, blue, opacity."""
        width, height, text = self.driver.execute_script("""
            const canvas = arguments[0];
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let text = '';
            for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
            return [canvas.width, canvas.height, btoa(text)];""", self._element(testid))
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)

    def overlaps(self):
        """Pairs of panels that cover each other, and texts that leave their panel; empty in a sound layout."""
        return self.driver.execute_script("""
            const panels = [...document.querySelectorAll('.panel, .number')].filter((panel) => panel.offsetParent);
            const box = (element) => element.getBoundingClientRect();
            const name = (element) => element.className + ' ' + (element.id || element.textContent.trim().slice(0, 20));
            const found = [];
            panels.forEach((one, index) => panels.slice(index + 1).forEach((other) => {
              const a = box(one), b = box(other);
              const apart = a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
              if (!apart) found.push(name(one) + ' over ' + name(other));
            }));
            for (const panel of panels) {
              for (const part of panel.querySelectorAll(':scope > *')) {
                const a = box(panel), b = box(part);
                if (b.width && (b.right > a.right + 1 || b.bottom > a.bottom + 1)) found.push(name(part) + ' leaves ' + name(panel));
              }
            }
            return found;""")

    def wait_until(self, condition, seconds=15, what="condition"):
        """Polls condition(self) until true. Raises TimeoutError with what the page shows."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition(self):
                return
            time.sleep(0.05)
        state = {name: self.text(name) for name in ("connection", "daemon-state", "sequence", "temperature", "freshness")}
        raise TimeoutError(f"{what} not reached within {seconds} s; the page shows {state}; console: {self.console_errors()}")

    def wait_connected(self, seconds=15):
        self.wait_until(lambda page: page.attribute("connection", "data-state") == "connected", seconds, "connected")

    def wait_frames(self, sequence, seconds=30):
        """Until the page shows this frame or a later one, and an image."""
        self.wait_until(lambda page: page.text("sequence").isdigit() and int(page.text("sequence")) >= sequence
                        and page.attribute("frame-image", "data-sequence") is not None,
                        seconds, f"frame {sequence}")

    def image_levels(self):
        """Smallest and largest grey value drawn in the live frame, overlay included; (0, 0) when empty."""
        return tuple(self.driver.execute_script("""
            const canvas = arguments[0];
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            let low = 255, high = 0;
            for (let i = 0; i < data.length; i += 4) {
              if (data[i + 3] === 0) continue;
              low = Math.min(low, data[i]); high = Math.max(high, data[i]);
            }
            return low > high ? [0, 0] : [low, high];""", self._element("frame-image")))

    def screenshot(self, path):
        self.driver.save_screenshot(str(path))

    def console_errors(self):
        """Errors the browser has reported since the page was opened. None are expected."""
        self._errors += [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return list(self._errors)
