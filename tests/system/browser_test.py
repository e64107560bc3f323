#!/usr/bin/python3
"""Opens a running daemon's dashboard in a real browser and checks that it shows live, plausible data.

    browser_test.py --url http://127.0.0.1:7180/ [--frames 20] [--screenshot page.png]

Exit status 0: all checks passed; 1: one failed; 77: no browser is installed (skipped).
"""
import argparse
import math
import sys

try:
    from browser_page import BrowserPage, missing
except ImportError as error:
    print(f"skipped: {error}; install python3-selenium")
    sys.exit(77)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def check_dashboard(page, frames):
    """Waits for `frames` frames and judges what the page then shows. The daemon must be running a series."""
    page.wait_connected()
    page.wait_frames(frames)
    check(page.text("daemon-state") == "ACQUIRING", f"daemon state is {page.text('daemon-state')!r}")
    check(not page.is_stale(), "live data is shown as stale")

    first = int(page.text("sequence"))
    page.wait_until(lambda p: int(p.text("sequence")) > first, what="a next frame")

    temperature_c = page.value("temperature")
    if math.isnan(temperature_c):
        check(page.text("temperature-reason") != "", "no temperature and no reason for it")
    else:
        check("±" in page.text("temperature"), f"temperature without uncertainty: {page.text('temperature')!r}")

    powers = page.powers()
    check(powers or page.text("symmetry-reason") != "", "no ring power and no reason for it")
    for order, power in powers.items():
        check(math.isfinite(power) or page.text("symmetry-reason") != "", f"no power for n = {order}, and no reason")

    check(page.counter("camera", "received") > 0, "no camera message counted")
    low, high = page.image_levels()
    check(high > low, f"live frame is a uniform {low}")
    check(page.console_errors() == [], f"browser console: {page.console_errors()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--screenshot")
    arguments = parser.parse_args()
    if missing():
        print(f"skipped: not installed: {missing()}")
        return 77
    with BrowserPage(arguments.url) as page:
        try:
            check_dashboard(page, arguments.frames)
        finally:
            if arguments.screenshot:
                page.screenshot(arguments.screenshot)
        print(f"dashboard: frame {page.text('sequence')}, {page.text('temperature')} °C, {len(page.powers())} orders")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, TimeoutError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)
