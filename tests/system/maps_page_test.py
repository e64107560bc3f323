"""Maps, calibration and noise on the dashboard's page, in a real browser fed by a stub: what is shown against what was
planted, read back from the pixels."""
import math
import os
import time
import unittest
from pathlib import Path

import numpy as np
from protocol.schema import results_pb2

import browser_page
from page_feeder import Feeder, as_json, image_message

ORDERS = list(range(2, 13))
SERIES = 77
PATIENCE_S = float(os.environ.get("GLASSWATCH_PATIENCE_S", "60"))
SCREENSHOTS = Path(os.environ.get("GLASSWATCH_BUILD", ".")) / "screenshots"
CENTER, RATIO, ANGLE_DEG, INNER, OUTER = (120.4, 131.2), 1.15, 35.0, 87.5, 111.5


def message():
    return results_pb2.ResultMessage(schema_version=1, daemon_id=5, published_utc_ns=time.time_ns())


def setup(**calibration):
    result = message()
    result.setup.orders.extend(ORDERS)
    result.setup.radius_px.extend(80.0 + i for i in range(40))
    result.setup.k_inv_nm.extend(0.04 * (80 + i) for i in range(40))
    result.setup.in_ring.extend(8 <= i < 32 for i in range(40))
    result.setup.center_row_px, result.setup.center_col_px = CENTER
    values = dict(origin="ESTIMATED", frames=32, center_row_px=CENTER[0], center_col_px=CENTER[1], center_sigma_px=0.03,
                  ellipse_ratio=RATIO, ellipse_angle_deg=ANGLE_DEG, ellipse_ratio_sigma=math.nan, ring_radius_px=100,
                  ring_width_px=24, residual=0.021, masked_pixels=1345, dead_pixels=3)
    values.update(calibration)
    result.setup.calibration.CopyFrom(results_pb2.Calibration(**values))
    return result


def status():
    result = message()
    result.status.state = results_pb2.ACQUIRING
    return result


def frame(sequence, states, power=None, shift=(0.0, 0.0, 0.05), series=SERIES):
    result = message()
    f = result.frame
    f.series_id, f.sequence, f.received_utc_ns = series, sequence, time.time_ns()
    f.time_utc_ns = 1_700_000_000_000_000_000 + sequence * 10**9
    f.symmetry.validity = results_pb2.VALID
    f.symmetry.ring_power.extend(power or [3e-3 if n % 2 == 0 else 2e-5 for n in ORDERS])
    f.symmetry.ring_sigma.extend([2e-4] * len(ORDERS))
    f.symmetry.ring_floor.extend([4e-5] * len(ORDERS))
    f.symmetry.ring_state.extend(results_pb2.PowerState.Value(state) for state in states)
    f.symmetry.center_row_shift_px, f.symmetry.center_col_shift_px, f.symmetry.center_shift_sigma_px = shift
    return result


def friedel_states():
    return ["SIGNAL" if n % 2 == 0 else "CONSISTENT_WITH_NOISE" for n in ORDERS]


def update(values, positions, shape, channels, kind="SCAN", series=SERIES, filled=None, sequence=0):
    """The positions of a planted map; values is (positions of the map, channels)."""
    result = message()
    m = result.map
    m.series_id, m.kind, m.rows, m.columns = series, results_pb2.MapUpdate.Kind.Value(kind), *shape
    m.channel.extend(channels)
    m.position.extend(int(p) for p in positions)
    m.value.extend(float(v) for v in values[positions].ravel())
    m.filled = len(positions) if filled is None else filled
    m.complete = m.filled == shape[0] * shape[1]
    m.step_nm, m.sequence = 1.5, sequence
    return result


def lightness(rgb):
    """CIE L* of sRGB, from the standards' own formulas (IEC 61966-2-1, ISO/CIE 11664-4)."""
    linear = np.where(rgb <= 0.04045 * 255, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


@unittest.skipIf(browser_page.missing(), f"not installed: {browser_page.missing()}")
class MapsPage(unittest.TestCase):
    def setUp(self):
        self.feeder = self.enterContext(Feeder())
        self.feeder.welcome = [as_json(setup()), as_json(status())]

    def open(self):
        page = self.enterContext(browser_page.BrowserPage(self.feeder.url))
        page.set_size(1280, 800)
        page.wait_connected(PATIENCE_S)
        self.addCleanup(lambda: self.assertEqual(page.console_errors(), []))
        return page

    def wait(self, page, condition, what):
        page.wait_until(condition, PATIENCE_S, what)

    def wait_text(self, page, testid, text):
        self.wait(page, lambda p: text in p.text(testid), f"{testid}: {text}")

    def cells(self, page, shape):
        """Colours at the centres of a map's positions: (rows, columns, 3)."""
        pixels = page.pixels("map-image")
        place = page.driver.execute_script("return JSON.parse(arguments[0].dataset.place)", page._element("map-image"))
        rows = (place["top"] + (np.arange(shape[0]) + 0.5) * place["rowPx"]).astype(int)
        columns = (place["left"] + (np.arange(shape[1]) + 0.5) * place["columnPx"]).astype(int)
        return pixels[np.ix_(rows, columns)][..., :3].astype(float), place

    def test_a_scan_fills_in_any_order_and_equal_steps_look_equal(self):
        shape = (83, 83)
        planted = np.tile(np.linspace(0, 2e-2, 83), 83)[:, None]  # rises with the column
        order = np.random.default_rng(2).permutation(83 * 83)
        missing = order[-500:]
        page = self.open()
        self.assertFalse(page.shown("map-image"))
        for part in np.array_split(order[:-500], 40):
            self.feeder.send_result(update(planted, part, shape, ["power 4"], filled=int(part.size)))
        self.wait_text(page, "map-progress", "6389 of 6889")
        page.click("map-trimmed")  # the whole range
        self.wait_text(page, "map-high", "0.02")
        colors, place = self.cells(page, shape)
        self.assertAlmostEqual(place["rowPx"], place["columnPx"])
        # Lightness of viridis runs from 15 to 91 in steps of 0.26 to 0.38 per 256th: within 5 of the straight line.
        arrived = np.ones(83 * 83, bool)
        arrived[missing] = False
        seen = lightness(colors).ravel()
        straight = 14.9 + (90.9 - 14.9) * planted[:, 0] / planted.max()
        self.assertLess(np.max(np.abs(seen - straight)[arrived]), 5)
        mean = [seen.reshape(shape)[:, c][arrived.reshape(shape)[:, c]].mean() for c in range(83)]
        self.assertTrue(np.all(np.diff(mean) > 0))
        # Never darker than the scale's dark end (L* 15): L* 4 and 22, grey, hatched.
        colors = colors.reshape(-1, 3)
        dark = np.array([0x44, 0x01, 0x54], float)
        self.assertGreater(np.min(np.linalg.norm(colors[missing] - dark, axis=1)), 50)
        grey = np.ptp(colors[missing], axis=1)
        self.assertLess(np.max(grey), 30)
        self.assertGreater(np.min(np.ptp(colors[arrived], axis=1)), 60)
        self.feeder.send_result(update(planted, missing, shape, ["power 4"], filled=83 * 83))
        self.wait_text(page, "map-progress", "6889 of 6889, complete")
        self.assertEqual(page.text("map-missed"), "")

    def test_numbers_of_the_scale_and_under_the_cursor(self):
        shape = (20, 30)
        generator = np.random.default_rng(5)
        planted = np.column_stack([generator.normal(5, 1, 600), generator.normal(100, 9, 600)]).astype(np.float32)
        planted[37, 0] = math.nan
        page = self.open()
        self.feeder.send_result(update(planted, np.arange(599), shape, ["score 4", "mean counts"]))
        self.wait_text(page, "map-progress", "599 of 600")
        self.assertEqual(page.options("map-channel"), ["score 4", "mean counts"])
        finite = planted[:599, 0][np.isfinite(planted[:599, 0])].astype(float)

        def number(testid):
            return float(page.text(testid).strip("≤≥ ").replace("−", "-"))

        # One in a hundred of 598 values: the sixth from the end, whichever way the quantile is rounded; 4 digits.
        ends = np.sort(finite)
        self.assertTrue(ends[4] * 0.999 < number("map-low") < ends[7] * 1.001, page.text("map-low"))
        self.assertTrue(ends[-8] * 0.999 < number("map-high") < ends[-5] * 1.001, page.text("map-high"))
        page.click("map-trimmed")
        self.wait(page, lambda p: "≤" not in p.text("map-low"), "whole range")
        self.assertAlmostEqual(number("map-low"), finite.min(), delta=1e-3)
        self.assertAlmostEqual(number("map-high"), finite.max(), delta=1e-3)
        place = self.cells(page, shape)[1]

        def read(row, column):
            page.point("map-image", int(place["left"] + (column + 0.5) * place["columnPx"]),
                       int(place["top"] + (row + 0.5) * place["rowPx"]))
            head, _, value = page.text("map-cursor").partition(": ")
            self.assertEqual(head, f"row {row}, column {column}")
            return value

        self.assertAlmostEqual(float(read(4, 11)), planted[4 * 30 + 11, 0], delta=1e-3)
        self.assertEqual(read(1, 7), "no value")
        self.assertEqual(read(19, 29), "not yet arrived")
        page.click("map-unit")
        self.wait_text(page, "map-high", "1.00")
        normalised = (planted[131, 0] - finite.min()) / (finite.max() - finite.min())
        self.assertAlmostEqual(float(read(4, 11)), normalised, delta=0.0051)
        page.choose("map-channel", "mean counts")
        page.click("map-unit")
        self.wait(page, lambda p: number("map-low") > 50, "mean counts")
        self.assertAlmostEqual(float(read(4, 11)), planted[131, 1], delta=0.1)

    def test_what_the_order_is_worth_is_said(self):
        planted = np.ones((12, 3))
        page = self.open()
        for i in range(5):
            self.feeder.send_result(frame(i, friedel_states()))
        self.feeder.send_result(update(planted, np.arange(6), (3, 4), ["power 4", "power 5", "mean counts"]))
        self.wait_text(page, "map-progress", "6 of 12")
        self.assertEqual(page.text("map-note"), "")
        page.choose("map-channel", "power 5")
        self.wait_text(page, "map-note", "odd n = 5: consistent with noise")
        page.choose("map-channel", "mean counts")
        self.wait(page, lambda p: p.text("map-note") == "", "no note on counts")
        page.choose("map-channel", "power 4")
        for state, text in (("GAIN_LIMITED", "n = 4: gain-limited"), ("NO_FLOOR", "no floor: camera gain unknown")):
            for i in range(30):  # more than half of the last 50 frames
                self.feeder.send_result(frame(10 + i, [state] * len(ORDERS)))
            self.wait_text(page, "map-note", text)
            self.wait_text(page, "bars-reason", text.removeprefix("n = 4: "))

    def test_bars_show_floor_sigma_and_what_noise_explains(self):
        page = self.open()
        self.feeder.send_result(frame(1, friedel_states()))
        self.wait_text(page, "bars-key", "hollow: consistent with noise")
        self.assertIn("± 1 σ", page.text("bars-key"))
        self.assertIn("amber: floor", page.text("bars-key"))
        self.assertIn("n = 10 3.0e-3, n = 5 2.0e-5", page.text("bars-five"))
        self.assertEqual(page.attribute("power-5", "data-state"), "CONSISTENT_WITH_NOISE")
        self.assertEqual(float(page.attribute("power-4", "data-floor")), 4e-5)
        pixels = page.driver.execute_script("""
            const chart = Chart.getChart('bars-chart'), y = chart.scales.y, context = chart.ctx;
            const at = (index, value, dx) => {
              const bar = chart.getDatasetMeta(0).data[index];
              return [...context.getImageData((bar.x + dx * bar.width) * devicePixelRatio, y.getPixelForValue(value) * devicePixelRatio, 1, 1).data];
            };
            return { filled: at(2, 2e-3, 0.25), hollow: at(3, 1.5e-5, 0.25), floor: at(2, 4e-5, 0.3), whisker: at(2, 3.1e-3, 0) };""")
        self.assertGreater(pixels["filled"][3], 250)
        self.assertLess(pixels["hollow"][3], 40)  # an odd order with a signal is filled with an opacity of 89
        self.assertGreater(min(pixels["whisker"][:3]), 180)
        np.testing.assert_allclose(pixels["floor"][:3], [0xf5, 0xb0, 0x41], atol=60)

    def test_the_ring_is_drawn_as_the_ellipse_that_it_is(self):
        page = self.open()
        self.feeder.send(image_message({"series_id": "77", "sequence": "3", "rows": 256, "columns": 256, "reduction": 1,
                                        "black_counts": 1, "white_counts": 9}, np.zeros((256, 256))))
        self.wait(page, lambda p: p.attribute("frame-image", "data-sequence") == "3", "image")
        pixels = page.pixels("frame-image").astype(float)
        side = min(pixels.shape[:2])
        rows, columns = np.nonzero(np.linalg.norm(pixels[..., :3] - [0x56, 0xb4, 0xe9], axis=2) < 60)
        # From canvas to frame: the image is centred; pixel centres at integers; then the ellipse undone.
        row = (rows + 0.5 - (pixels.shape[0] - side) / 2) * 256 / side - 0.5 - CENTER[0]
        column = (columns + 0.5 - (pixels.shape[1] - side) / 2) * 256 / side - 0.5 - CENTER[1]
        angle = math.radians(ANGLE_DEG)
        along, across = column * math.cos(angle) + row * math.sin(angle), row * math.cos(angle) - column * math.sin(angle)
        radius = np.hypot(along / math.sqrt(RATIO), across * math.sqrt(RATIO))
        away = np.min(np.abs(radius[:, None] - [INNER, OUTER, 100.0]), axis=1)
        away = away[radius > 20]  # without the cross at the centre
        self.assertGreater(np.sum(np.abs(radius - INNER) < 2), 300)
        self.assertGreater(np.sum(np.abs(radius - OUTER) < 2), 300)
        # Half a line width (0.75 px on screen) and half a pixel, both about 1 px of the frame, times √ratio.
        self.assertLess(np.max(away), 2.2)

    def test_the_state_of_the_calibration_is_said(self):
        page = self.open()
        self.wait_text(page, "beam", "centre (120.40, 131.20) ± 0.03 px · ellipse 1.150 @ 35° · ring k 4 nm⁻¹ · residual 2.1 % · "
                                     "1345 masked, 3 dead px · estimated from 32 patterns")
        self.feeder.send_result(setup(origin="GIVEN", center_sigma_px=math.nan, ring_radius_px=math.nan, ellipse_ratio=1))
        self.wait_text(page, "beam", "centre (120.40, 131.20) px · ellipse 1.000 · given")
        self.feeder.send_result(setup(origin="PENDING"))
        self.wait(page, lambda p: p.text("beam") == "waiting for patterns", "waiting")
        self.feeder.send_result(setup(origin="FAILED", reason="no ring in the sum"))
        self.wait_text(page, "beam", "failed: no ring in the sum")

    def test_drift_of_the_centre_is_told_when_it_is_certain(self):
        page = self.open()
        for sequence, shift, told in ((1, (0.15, 0.15, 0.01), False), (2, (0.3, 0.4, 0.2), False),
                                      (3, (math.nan,) * 3, False), (4, (0.3, -0.4, 0.1), True)):
            self.feeder.send_result(frame(sequence, friedel_states(), shift=shift))
            self.wait(page, lambda p: p.text("sequence") == str(sequence) and f"frame {sequence}," in p.driver.page_source, "frame")
            self.assertEqual(page.text("drift") != "", told, shift)
        self.assertIn("0.50 ± 0.10 px (row +0.30, column −0.40)", page.text("drift"))
        self.assertIn("glasswatch calibrate", page.text("drift"))

    def test_shapes_series_and_kinds(self):
        page = self.open()
        line = np.sin(np.arange(1000) / 50)[:, None]
        self.feeder.send_result(update(line, np.arange(1000), (1, 1000), ["power 4"]))
        self.wait_text(page, "map-caption", "scan 1 × 1000, 1.5 nm apart, not to scale")
        self.assertGreaterEqual(self.cells(page, (1, 1000))[1]["rowPx"], 20)
        self.assertFalse(page.shown("map-kind"))

        large = np.ones((512 * 512, 2))
        started = time.monotonic()
        for part in np.array_split(np.arange(512 * 512), 8):
            self.feeder.send_result(update(large, part, (512, 512), ["power 4", "mean counts"], series=78))
        self.wait_text(page, "map-progress", "262144 of 262144")
        self.assertLess(time.monotonic() - started, PATIENCE_S)

        # An earlier series' map is said to be one; the part of a map that was not received, too.
        self.feeder.send_result(frame(1, friedel_states(), series=79))
        self.wait_text(page, "map-missed", "of an earlier series")
        self.feeder.send_result(update(line, np.arange(10), (1, 1000), ["power 4"], series=79, filled=15))
        self.wait(page, lambda p: p.text("map-missed") == "5 not received", "5 not received")
        self.assertEqual(page.text("map-progress"), "10 of 1000")
        self.feeder.send_result(update(line, np.arange(5, 12), (1, 1000), ["power 4"], series=79, filled=12))
        self.wait(page, lambda p: p.text("map-progress") == "12 of 1000", "positions that came twice count once")
        self.assertEqual(page.text("map-missed"), "")

        # Tiles: every update is a map of its own; both kinds can be looked at.
        tiles = np.arange(12.0)[:, None]
        for sequence in (4, 5):
            self.feeder.send_result(update(tiles, np.arange(12 - sequence), (3, 4), ["power 5"], kind="TILES", series=80,
                                           sequence=sequence))
        self.wait_text(page, "map-caption", "tiles of frame 5, 3 × 4")
        self.assertEqual(page.text("map-progress"), "7 of 12")
        self.assertIn("centrosymmetric", page.text("map-note"))
        page.choose("map-kind", "SCAN")
        self.wait_text(page, "map-progress", "12 of 1000")

    def test_nothing_overlaps_with_and_without_a_map(self):
        page = self.open()
        long_reason = "no ring in the sum of 32 patterns: contrast 0.01; give calibration.center_row_px and center_col_px"
        self.feeder.send_result(setup(origin="FAILED", reason=long_reason))
        for i in range(20):
            self.feeder.send_result(frame(i, friedel_states(), shift=(0.3, 0.4, 0.01)))
        self.wait(page, lambda p: p.text("sequence") == "19", "frames")
        self.wait_text(page, "drift", "calibrate")
        self.assertEqual(page.overlaps(), [])
        y, x = np.mgrid[:83, :83]
        nuclei = 2e-3 + 8e-3 * np.exp(-((y - 40)**2 + (x - 30)**2) / 200)
        self.feeder.send_result(update(nuclei.reshape(-1, 1), np.arange(4321), (83, 83), ["power 5"]))
        self.wait_text(page, "map-note", "noise")
        SCREENSHOTS.mkdir(exist_ok=True, parents=True)
        for width, height in ((1280, 800), (1600, 1000), (1920, 1080)):
            page.set_size(width, height)
            time.sleep(0.5)  # charts follow the size in their own time
            self.assertEqual(page.overlaps(), [], (width, height))
            size = page.driver.execute_script("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
            self.assertEqual(size, [width, height])
            page.screenshot(SCREENSHOTS / f"map-{width}.png")


if __name__ == "__main__":
    unittest.main(verbosity=2)
