"""Dynamics on the dashboard's page, in a real browser fed by a stub: maps, curves and words against what was planted."""
import json
import math
import os
import re
import time
import unittest
from pathlib import Path

import numpy as np
from protocol.schema import results_pb2

import browser_page
from maps_page_test import friedel_states, frame, lightness, message, setup, status
from page_feeder import Feeder, as_json, dynamics_message, image_message

SERIES = 77
PATIENCE_S = float(os.environ.get("GLASSWATCH_PATIENCE_S", "60"))
SCREENSHOTS = Path(os.environ.get("GLASSWATCH_BUILD", ".")) / "screenshots"
ROWS, COLUMNS, STEP = 104, 120, 8
TAU_S, BETA, CONTRAST, PERIOD_S, FRAMES = 739.0, 0.63, 0.1, 5.0, 1200
LAGS_S = np.unique(np.round(np.geomspace(1, 600, 40))) * PERIOD_S
NO_FIT = (3, 7)  # row, column of a cell without contrast
NAN = math.nan


def kww(lag_s, tau_s, factor=1):
    """Kohlrausch-Williams-Watts, written here a second time: Voigt et al. 2023 with factor 1."""
    return 1 + CONTRAST * np.exp(-factor * (lag_s / tau_s)**BETA)


def planted_tau():
    """(rows, columns): two wavy channels of half the relaxation time; 5 % of noise; one cell without a fit."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    channel = (np.abs(y - 30 - 6 * np.sin(x / 15)) < 5) | (np.abs(x - 80 - 5 * np.sin(y / 12)) < 5)
    tau = np.where(channel, 0.5, 1.0) * 890 * np.exp(0.05 * np.random.default_rng(1).standard_normal((ROWS, COLUMNS)))
    tau[NO_FIT] = NAN
    return tau


def curve(name, tau_s, sigma_s, factor=1, pixels=810_474, speckles=12_664):
    noise = 4e-4 * np.random.default_rng(3).standard_normal(LAGS_S.size) * np.sqrt(LAGS_S / LAGS_S[-1])
    return results_pb2.KwwCurve(
        name=name, g2=kww(LAGS_S, tau_s, factor) + noise, g2_sigma=1e-4 + 1.5e-3 * np.sqrt(LAGS_S / LAGS_S[-1]), tau_s=tau_s,
        tau_sigma_s=sigma_s, beta=BETA, beta_sigma=0.021, contrast=CONTRAST, contrast_sigma=0.0014, baseline=1,
        mean_relaxation_s=tau_s / BETA * math.gamma(1 / BETA), span_over_tau=FRAMES * PERIOD_S / tau_s, pixels=pixels,
        speckles=speckles)


def histogram(median_s, sigma_ln, above):
    edges = np.geomspace(5, 20_000, 61)
    middle = np.log(np.sqrt(edges[1:] * edges[:-1]))
    density = np.exp(-(middle - math.log(median_s))**2 / (2 * sigma_ln**2))
    return results_pb2.TauHistogram(edge_s=edges, fraction=0.92 * density / density.sum(), unusable=0.08, fraction_above=above,
                                    median_s=median_s, sigma_ln=sigma_ln, median_sigma_s=3.1, sigma_ln_sigma=0.006,
                                    fraction_above_sigma=0.004)


def two_time(frames=60):
    time_s = np.linspace(0, FRAMES * PERIOD_S, frames)
    distance = np.abs(time_s[:, None] - time_s)
    maps = np.array([kww(distance, tau) for tau in (TAU_S, 890, 445)])
    maps[:, range(frames), range(frames)] = NAN
    return results_pb2.TwoTime(
        time_s=time_s, unit=["field", "matrix", "channel"], correlation=maps.ravel(),
        momentary_center_s=np.tile(np.linspace(750, 5250, 4), 3),
        momentary_tau_s=np.outer([TAU_S, 890, 445], [0.98, 1.01, 1.0, 1.02]).ravel(), momentary_beta=[BETA] * 12)


def dynamics(**changes):
    result = message()
    d = result.dynamics
    tau = planted_tau()
    d.CopyFrom(results_pb2.Dynamics(
        series_id=SERIES, sequence=FRAMES - 1, validity="VALID", frames_used=FRAMES, frames_missing=12, frame_period_s=PERIOD_S,
        span_s=FRAMES * PERIOD_S, inference_frames=1180, null_frames=1150, lag_s=LAGS_S,
        pairs=[int(FRAMES - lag / PERIOD_S) for lag in LAGS_S], field=curve("field", TAU_S, 12.3),
        regions=[curve("matrix", 890, 18.2, pixels=600_000, speckles=9300), curve("channel", 445, 11.4, pixels=210_000, speckles=3300)],
        region_pairs=[results_pb2.RegionPair(first="channel", second="matrix", ln_ratio=math.log(0.5), ln_ratio_sigma=0.033,
                                             p_value=3e-12)],
        histogram=histogram(310, 0.95, 0.27), null_histogram=histogram(330, 0.8, 0.31), null_field_tau_s=735,
        heterogeneity=results_pb2.Heterogeneity(p_value=0.0004, p_value_neighbours=1e-9, chi_square=14_100, cells=ROWS * COLUMNS,
                                                spread_ln_tau=0.21, spread_variance=0.0441, spread_variance_sigma=0.0126),
        halves=results_pb2.Halves(tau_first_s=734, tau_second_s=747, relative_difference=0.018, ln_ratio_sigma=0.06,
                                  resolvable_difference=0.12,
                                  verdict="The halves agree; a cumulative τ that climbs is finite length, not ageing."),
        two_time=two_time(), speckle_size_px=2.31, pixels_per_speckle=64, memory_mib=1900, temperature_c=412.3,
        warning="T/τ is 8.1, below 40: single pixels of a uniform sample read τ too short and scatter as these do"))
    d.cells.CopyFrom(results_pb2.KwwMaps(
        rows=ROWS, columns=COLUMNS, step_px=STEP, tau_s=tau.ravel(), tau_sigma_s=0.05 * tau.ravel(),
        beta=np.where(np.isnan(tau), NAN, BETA).ravel(), beta_sigma=np.full(tau.size, 0.03),
        contrast=np.full(tau.size, CONTRAST), status=bytes(np.where(np.isnan(tau), results_pb2.FIT_NO_CONTRAST, 0).astype(np.uint8)),
        span_over_tau=8.12, speckles_per_unit=66.2))
    shape = 210, 242
    pixel_tau = 310 * np.exp(0.95 * np.random.default_rng(2).standard_normal(shape))
    unfitted = np.zeros(shape, np.uint8)
    unfitted[20:30, 40:60] = results_pb2.FIT_AT_BOUND  # where a value is left that says nothing
    d.pixels.CopyFrom(results_pb2.KwwMaps(
        rows=shape[0], columns=shape[1], step_px=4, tau_s=pixel_tau.ravel(), beta=np.full(pixel_tau.size, 1.1),
        contrast=np.full(pixel_tau.size, CONTRAST),
        status=bytes(unfitted), span_over_tau=8.12,
        speckles_per_unit=NAN))
    for name, value in changes.items():
        if value is None:
            d.ClearField(name)
        elif isinstance(value, (int, float, str)):
            setattr(d, name, value)
        else:
            getattr(d, name).CopyFrom(value)
    return result


def ramp_entries():
    """τ(T) of E = 2.1 eV at 739 s and 410 °C, planted by the Arrhenius law with k_B of the SI; one interval without a fit."""
    boltzmann, energy = 8.617333262e-5, 2.1
    ln_tau0 = math.log(TAU_S) - energy / (boltzmann * 683.15)
    entries = []
    for unit, scale in (("matrix", 1.2), ("channel", 0.6)):
        for celsius in range(380, 441, 10):
            tau = scale * math.exp(ln_tau0 + energy / (boltzmann * (celsius + 273.15)))
            entries.append(results_pb2.TauAtTemperature(
                unit=unit, temperature_c=celsius, temperature_low_c=celsius - 5, temperature_high_c=celsius + 5, tau_s=tau,
                tau_sigma_s=0.1 * tau, beta=BETA, contrast=CONTRAST, span_over_tau=9, frames=200))
    entries[0].status = results_pb2.FIT_TOO_SHORT
    fits = [results_pb2.Arrhenius(unit="matrix", justified=True, activation_energy_ev=energy, activation_energy_sigma_ev=0.14,
                                  ln_tau0_s=ln_tau0 + math.log(1.2), p_value=0.42, points=6),
            results_pb2.Arrhenius(unit="channel", justified=False, activation_energy_ev=1.2, activation_energy_sigma_ev=0.9,
                                  ln_tau0_s=3, p_value=0.003, points=7)]
    return entries, fits


def on_a_ramp():
    result = dynamics()
    entries, fits = ramp_entries()
    result.dynamics.tau_of_temperature.extend(entries)
    result.dynamics.arrhenius.extend(fits)
    return result


def plain(page, testid):
    """The text without the spaces that do not break; empty where the element is not there (yet)."""
    there = page.driver.execute_script(f"return document.querySelector('[data-testid=\"{testid}\"]')?.textContent ?? ''")
    return there.replace("\u00a0", " ").strip()


@unittest.skipIf(browser_page.missing(), f"not installed: {browser_page.missing()}")
class DynamicsPage(unittest.TestCase):
    def setUp(self):
        self.feeder = self.enterContext(Feeder())
        self.setup = setup()
        self.setup.setup.kww_convention = "g2(t) = 1 + A exp(-(t/tau)^beta)"
        self.feeder.welcome = [as_json(self.setup), as_json(status())]

    def open(self, address=""):
        page = self.enterContext(browser_page.BrowserPage(self.feeder.url + address))
        page.set_size(1280, 800)
        page.wait_connected(PATIENCE_S)
        self.addCleanup(lambda: self.assertEqual(page.console_errors(), []))
        return page

    def wait(self, page, condition, what):
        page.wait_until(condition, PATIENCE_S, what)

    def wait_text(self, page, testid, text):
        self.wait(page, lambda p: text in plain(p, testid), f"{testid}: {text}")

    def open_with(self, sent):
        """The page with the dynamics view, drawn."""
        page = self.open("#dynamics")
        self.feeder.send_result(sent)
        self.wait(page, lambda p: p.shown("dynamics-map-image") and p.attribute("dynamics-map-image", "data-place"), "a map")
        return page

    def send_frames(self, count=20, series=SERIES):
        y, x = np.mgrid[:256, :256]
        image = 90 + 60 * np.random.default_rng(4).standard_normal((256, 256)) * np.exp(-(np.hypot(y - 120, x - 131) - 100)**2 / 300)
        self.feeder.send(image_message({"series_id": "77", "sequence": "3", "rows": 256, "columns": 256, "reduction": 1,
                                        "black_counts": 1, "white_counts": 9}, np.clip(image, 0, 255)))
        for i in range(count):
            result = frame(i, friedel_states(), series=series)
            result.frame.temperature.CopyFrom(results_pb2.Temperature(validity="VALID", value_c=412.3, sigma_c=0.05))
            result.frame.ecm.CopyFrom(results_pb2.Ecm(validity="VALID", g2=kww(LAGS_S, 700), pairs=[9] * LAGS_S.size, frames_used=i))
            self.feeder.send_result(result)

    def colors(self, page, testid, shape):
        """Colours at the centres of a map's units, (rows, columns, 3), and where the map lies on its canvas."""
        pixels = page.pixels(testid)
        place = json.loads(page.attribute(testid, "data-place"))
        rows = (place["top"] + (np.arange(shape[0]) + 0.5) * place["rowPx"]).astype(int)
        columns = (place["left"] + (np.arange(shape[1]) + 0.5) * place["columnPx"]).astype(int)
        return pixels[np.ix_(rows, columns)][..., :3].astype(float), place

    def point(self, page, testid, row, column):
        place = json.loads(page.attribute(testid, "data-place"))
        page.point(testid, int(place["left"] + (column + 0.5) * place["columnPx"]), int(place["top"] + (row + 0.5) * place["rowPx"]))

    def datasets(self, page, chart):
        """The chart's lines: {label, data [{x, y}], dash, fill}."""
        return json.loads(page.driver.execute_script("""
            return JSON.stringify(Chart.getChart(arguments[0]).data.datasets.map((set) => (
              { label: set.label ?? '', dash: set.borderDash ?? [], fill: set.fill ?? false,
                data: set.data.map(({ x, y }) => ({ x, y })) })));""", chart))

    def test_nothing_moves_until_dynamics_come(self):
        page = self.open()
        self.send_frames()
        self.wait(page, lambda p: p.text("sequence") == "19", "frames")
        boxes = """return [...document.querySelectorAll('.panel, .number')].filter((panel) => panel.offsetParent)
                     .map((panel) => [panel.className, ...Object.values(panel.getBoundingClientRect().toJSON())]);"""
        before = page.driver.execute_script(boxes)
        self.assertFalse(page.shown("views"))
        self.assertFalse(any("dynamics" in box[0] for box in before))
        self.feeder.send_result(dynamics())
        self.wait(page, lambda p: p.shown("views"), "the switch")
        self.assertEqual(page.driver.execute_script(boxes), before)
        page.click("view-dynamics")
        self.assertTrue(page.shown("dynamics-map-image"))
        self.assertFalse(page.shown("frame-image"))
        page.click("view-overview")
        self.assertTrue(page.shown("frame-image"))
        self.assertFalse(page.shown("dynamics-map-image"))

    def test_without_symmetry_dynamics_are_what_is_shown(self):
        self.setup.setup.ClearField("orders")
        self.feeder.welcome[0] = as_json(self.setup)
        page = self.open()
        self.feeder.send_result(dynamics())
        self.wait(page, lambda p: p.shown("dynamics-map-image"), "dynamics")

    def test_equal_ratios_of_tau_look_equal(self):
        sent = dynamics()
        page = self.open_with(sent)
        page.click("dynamics-map-trimmed")  # the whole range
        tau = planted_tau()
        low, high = np.nanmin(tau), np.nanmax(tau)
        self.wait_text(page, "dynamics-map-low", f"{float(f'{low:.3g}'):g} s")
        self.assertEqual(page.text("dynamics-map-high"), f"{float(f'{high:.3g}'):g} s")
        self.assertAlmostEqual(float(page.text("dynamics-map-middle").split()[0]), math.sqrt(low * high), delta=1)
        self.assertEqual(page.text("dynamics-map-span"), "T/τ 8.1")
        self.assertIn("below 40", page.text("dynamics-warning"))
        self.assertIn("104 × 120 cells of 8 px, 66 independent speckles each; 1 without a fit", page.text("dynamics-map-caption"))
        colors, place = self.colors(page, "dynamics-map-image", tau.shape)
        self.assertAlmostEqual(place["rowPx"], place["columnPx"])
        # As maps_page_test: lightness of viridis is within 5 of a straight line, here against ln τ.
        fitted = np.isfinite(tau)
        straight = 14.9 + (90.9 - 14.9) * np.log(tau / low) / math.log(high / low)
        self.assertLess(np.max(np.abs(lightness(colors) - straight)[fitted]), 5)
        # The cell without a fit has a hue that the scale does not have: reddish, with more red than green and blue.
        red, green, blue = colors[NO_FIT]
        self.assertGreater(red, max(green, blue) + 40)

    def test_values_under_the_cursor(self):
        page = self.open_with(dynamics())
        tau = planted_tau()[50, 60]
        self.point(page, "dynamics-map-image", 50, 60)
        self.wait_text(page, "dynamics-map-cursor", f"cell from row 400, column 480: τ {tau:.0f} ± {0.05 * tau:.0f} s, β 0.630 ± 0.030")
        self.point(page, "dynamics-map-image", *NO_FIT)
        self.wait_text(page, "dynamics-map-cursor", "no τ: no contrast")
        self.assertEqual(page.options("dynamics-map-quantity"), ["cells_tau", "cells_beta", "cells_sigma", "cells_contrast",
                                                                 "pixels_tau", "pixels_beta"])
        page.choose("dynamics-map-quantity", "cells_sigma")
        self.wait_text(page, "dynamics-map-middle", "5 %")
        page.choose("dynamics-map-quantity", "pixels_tau")
        self.wait_text(page, "dynamics-map-caption", "210 × 242 pixels, one in 4 along each axis; 200 without a fit")
        self.point(page, "dynamics-map-image", 25, 50)
        self.wait_text(page, "dynamics-map-cursor", "no τ: τ or β at the edge")
        row, column = map(int, re.match(r"pixel row (\d+), column (\d+):", page.text("dynamics-map-cursor")).groups())
        self.assertLessEqual(max(abs(row - 100), abs(column - 200)), 4)  # 2 px of the screen each
        self.feeder.send_result(dynamics(pixels=None))  # no longer there: back to what is
        self.wait_text(page, "dynamics-map-caption", "cells of 8 px")

    def test_curves_have_their_fit_in_the_convention_of_the_setup(self):
        page = self.open_with(dynamics())
        self.send_frames(1)
        for factor in (1, 2):
            self.setup.setup.kww_convention = f"g2(t) = 1 + A exp(-{'2 ' if factor == 2 else ''}(t/tau)^beta)"
            self.feeder.send_result(self.setup)

            def line(name):
                sets = self.datasets(page, "g2-chart")
                at = next(i for i, one in enumerate(sets) if one["label"] == name)
                return sets[at - 1:at + 3]  # fit, points, lower and upper edge

            def drawn(tau_s, name):
                x, y = np.array([(p["x"], p["y"]) for p in line(name)[0]["data"]]).T
                return np.max(np.abs(y - kww(x, tau_s, factor))) < 1e-9

            self.wait(page, lambda p: drawn(TAU_S, "field"), f"fit of factor {factor}")
            self.assertTrue(drawn(890, "matrix") and drawn(445, "channel"))
            points, lower, upper = (np.array([p["y"] for p in one["data"]]) for one in line("field")[1:])
            field = dynamics().dynamics.field
            np.testing.assert_allclose(points, field.g2)
            np.testing.assert_allclose(upper - points, field.g2_sigma)
            np.testing.assert_allclose(points - lower, field.g2_sigma)
        sets = self.datasets(page, "g2-chart")
        self.assertEqual(sets[-1]["label"], "")  # no lag axis in the setup: no curve of the latest frame
        self.setup.setup.lag_s.extend(LAGS_S)
        self.feeder.send_result(self.setup)
        self.wait(page, lambda p: self.datasets(p, "g2-chart")[-1]["label"] == "latest frame, raw", "the fast curve")
        np.testing.assert_allclose([p["y"] for p in self.datasets(page, "g2-chart")[-1]["data"]], kww(LAGS_S, 700))
        unfitted = dynamics()
        unfitted.dynamics.field.status = results_pb2.FIT_TOO_SHORT
        self.feeder.send_result(unfitted)
        self.wait(page, lambda p: any(one["label"] == "field, no fit" for one in self.datasets(p, "g2-chart")), "no fit")

    def test_the_histogram_never_stands_without_its_null(self):
        page = self.open_with(dynamics())
        self.wait_text(page, "histogram-above", "27.0 ± 0.4 %")
        self.assertEqual(page.text("null-above"), "31.0 ± 0.4 %")
        self.assertEqual(page.text("histogram-median"), "310.0 ± 3.1 s")
        self.assertEqual(page.text("null-sigma"), "0.800 ± 0.006")
        self.assertEqual(page.text("histogram-unusable"), "8.0 %")
        self.assertIn("of 1150 frames, measured of 1200", page.text("tau-histogram-note"))
        self.assertEqual(page.text("tau-histogram-warning"), "")
        uniform, data = self.datasets(page, "tau-histogram-chart")
        self.assertTrue(uniform["dash"] and not uniform["fill"] and data["fill"] and not data["dash"])
        planted = dynamics().dynamics.histogram
        np.testing.assert_allclose([p["y"] for p in data["data"]], [0, *planted.fraction, 0])
        np.testing.assert_allclose([p["x"] for p in data["data"]], [*planted.edge_s, planted.edge_s[-1]])
        self.feeder.send_result(dynamics(null_histogram=None, null_frames=0))
        self.wait_text(page, "tau-histogram-warning", "without it a spread proves nothing")
        self.assertEqual(page.text("null-above"), "—")
        self.feeder.send_result(dynamics(histogram=None, null_histogram=None))
        self.wait_text(page, "tau-histogram-warning", "not fitted")

    def test_what_is_said_in_words(self):
        page = self.open_with(dynamics())
        self.wait_text(page, "dynamics-tau", "739 ± 12")
        self.assertEqual(page.value("dynamics-tau"), TAU_S)
        expected = {
            "shape": "β 0.630 ± 0.021 · A 0.1000 ± 0.0014 · ⟨τ⟩ 1050 s", "temperature": "at 412.3 °C",
            "span": "8.1: read pooled cells, not single pixels", "frames": "1200 used, 12 missing, errors and tests: first 1180",
            "speckles": "12660 independent, 2.3 px wide; 66 per cell",
            "uniform": "no: 12480 cells p = 0.0004, of neighbours p < 0.0001; τ spreads by 21.0 ± 3.0 % beyond noise",
            "region-matrix": "τ 890 ± 18 s, β 0.630 ± 0.021", "region-channel": "τ 445 ± 11 s, β 0.630 ± 0.021",
            "pair-channel-matrix": "τ channel / τ matrix = 0.500 ± 0.017, p < 0.0001",
            "halves": "734 s, then 747 s: +1.8 %; 12 % would show. The halves agree; a cumulative τ that climbs is finite length, "
                      "not ageing."}
        self.assertEqual({name: plain(page, f"dynamics-{name}") for name in expected}, expected)
        self.assertEqual(page.text("dynamics-problem"), "")
        self.send_frames(1, series=78)
        self.wait_text(page, "dynamics-problem", "of an earlier series")
        self.setup.setup.ecm_refused = "8.1 GiB would be needed"
        self.feeder.send_result(self.setup)
        self.wait_text(page, "ecm-refused", "no dynamics of this series: 8.1 GiB would be needed")

    def test_words_for_what_cannot_be_said(self):
        page = self.open_with(dynamics())
        heterogeneity = results_pb2.Heterogeneity
        for found, text in (
                (heterogeneity(p_value=0.4, p_value_neighbours=0.9, cells=100, spread_variance=-0.001, spread_variance_sigma=0.005),
                 "nothing speaks against it: 100 cells p = 0.4, of neighbours p = 0.9; no spread of τ beyond noise; above 10 % it would show"),
                (heterogeneity(p_value=0.5, p_value_neighbours=0.02, cells=100), "perhaps not: 100 cells p = 0.5, of neighbours p = 0.02"),
                (heterogeneity(p_value=0.5, p_value_neighbours=0.03, cells=100), "nothing speaks against it"),  # 0.03 of two tests
                (heterogeneity(p_value=NAN, p_value_neighbours=NAN, reason="too few cells"), "cannot be said: too few cells")):
            self.feeder.send_result(dynamics(heterogeneity=found))
            self.wait_text(page, "dynamics-uniform", text)
        for ratio, text in ((5.2, "too short: every τ reads too low"), (41, "enough for single pixels too")):
            sent = dynamics()
            sent.dynamics.field.span_over_tau = ratio
            self.feeder.send_result(sent)
            self.wait_text(page, "dynamics-span", text)
        for changes, testid, text in (
                (dict(regions_reason="brightness has one level"), "dynamics-regions", "none: brightness has one level"),
                (dict(inference_frames=0), "dynamics-frames", "errors and tests: not yet"),
                (dict(halves=results_pb2.Halves(status="FIT_TOO_SHORT", verdict="a sliding window has no halves")),
                 "dynamics-halves", "cannot be said: a sliding window has no halves"),
                (dict(validity=results_pb2.TOO_FEW_FRAMES, reason="3 frames"), "dynamics-problem", "too few frames: 3 frames")):
            self.feeder.send_result(dynamics(**changes))
            self.wait_text(page, testid, text)
        sent = dynamics()
        sent.dynamics.field.status, sent.dynamics.field.tau_s = results_pb2.FIT_NO_CONTRAST, NAN
        self.feeder.send_result(sent)
        self.wait_text(page, "dynamics-problem", "no τ: no contrast")
        self.assertEqual(page.text("dynamics-tau"), "—")

    def test_two_time_map(self):
        page = self.open_with(dynamics())
        self.wait_text(page, "two-time-caption", "0:00 to 1:40:00, 60 frames; momentary τ 724 · 746 · 739 · 754 s")
        colors, _ = self.colors(page, "two-time-image", (60, 60))
        colors = colors[::-1]  # t2 upwards
        near, far = lightness(colors[20, 21]), lightness(colors[0, 59])
        self.assertGreater(near, 80)
        self.assertLess(far, 20)
        for i in (0, 30, 59):  # the diagonal is missing
            self.assertGreater(colors[i, i, 0], max(colors[i, i, 1:]) + 40)
        self.point(page, "two-time-image", 59 - 40, 10)
        self.wait_text(page, "two-time-cursor", "C 1.")
        first, second, value = re.match(r"t₁ ([\d:.]+), t₂ ([\d:.]+): C ([\d.]+)", page.text("two-time-cursor")).groups()
        first, second = (sum(60**power * float(part) for power, part in enumerate(reversed(text.split(":")))) for text in (first, second))
        step_s = FRAMES * PERIOD_S / 59
        self.assertAlmostEqual(first / step_s, 10, delta=1.1)  # 3 px of the screen each
        self.assertAlmostEqual(second / step_s, 40, delta=1.1)
        self.assertAlmostEqual(float(value), kww(second - first, TAU_S), delta=1e-4)
        page.choose("two-time-unit", "channel")
        self.wait_text(page, "two-time-caption", "momentary τ 436 · 449 · 445 · 454 s")

    def test_tau_of_temperature(self):
        page = self.open_with(dynamics())
        self.assertFalse(page.shown("tau-temperature-chart"))
        self.feeder.send_result(on_a_ramp())
        self.wait(page, lambda p: p.shown("tau-temperature-chart"), "τ(T)")
        note = plain(page, "tau-temperature-note")
        self.assertIn("matrix: activation energy 2.10 ± 0.14 eV (p = 0.4", note)
        self.assertIn("channel: no activation energy", note)
        self.assertIn("1 of 14 intervals without a fit", note)
        points, line, channel, none = self.datasets(page, "tau-temperature-chart")
        self.assertEqual((len(points["data"]), len(channel["data"]), len(none["data"])), (6, 7, 0))
        for point in points["data"]:  # the planted points lie on the line
            y = np.interp(point["x"], [p["x"] for p in line["data"]], np.log([p["y"] for p in line["data"]]))
            self.assertAlmostEqual(y, math.log(point["y"]), delta=2e-3)  # its curvature between 47 steps
        self.assertEqual(page.overlaps(), [])

    def test_old_results_go_grey_unless_they_are_final(self):
        page = self.open_with(dynamics())
        grey = "return getComputedStyle(document.getElementById('dynamics-words')).opacity"
        self.send_frames(1)

        def opacity(p):
            self.feeder.send_result(status())  # the daemon still speaks
            return p.driver.execute_script(grey)

        self.wait(page, lambda p: opacity(p) == "0.5", "grey")
        self.feeder.send_result(dynamics(final=True))
        self.wait(page, lambda p: opacity(p) == "1", "final")

    def test_arrays_that_do_not_fit_are_refused(self):
        page = self.open_with(dynamics())
        good = dynamics_message(dynamics(sequence=9, frames_missing=13))
        self.feeder.send(good + bytes(4))
        self.feeder.send(good[:-4])
        self.feeder.send_result(status())
        self.wait(page, lambda p: "unreadable 2" in p.driver.page_source, "two unreadable")
        self.assertIn("12 missing", page.text("dynamics-frames"))
        self.feeder.send(good)
        self.wait_text(page, "dynamics-frames", "13 missing")

    def test_nothing_overlaps(self):
        page = self.open()
        self.setup.setup.lag_s.extend(LAGS_S)
        self.feeder.send_result(self.setup)
        self.send_frames()
        self.feeder.send_result(dynamics())
        self.wait(page, lambda p: p.shown("views"), "the switch")
        page.click("view-dynamics")
        SCREENSHOTS.mkdir(exist_ok=True, parents=True)
        for name, sent in (("dynamics", dynamics()), ("dynamics-ramp", on_a_ramp())):
            self.feeder.send_result(sent)
            for width, height in ((1280, 800), (1600, 1000), (1920, 1080), (800, 2400)):
                self.send_frames()
                page.set_size(width, height)
                time.sleep(0.5)  # charts follow the size in their own time
                self.assertEqual(page.overlaps(), [], (name, width, height))
                if width > 1100:
                    size = page.driver.execute_script("return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
                    self.assertEqual(size, [width, height])
                page.screenshot(SCREENSHOTS / f"{name}-{width}.png")
        page.click("view-overview")
        page.set_size(1280, 800)
        self.send_frames()
        time.sleep(0.5)
        self.assertEqual(page.overlaps(), [])
        page.screenshot(SCREENSHOTS / "dynamics-overview.png")


if __name__ == "__main__":
    unittest.main(verbosity=2)
