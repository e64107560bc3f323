"""The scenarios of config/scenarios, and the physics of their small twins, judged by arithmetic of this file alone."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import h5py
import numpy as np
from processes import PATIENCE_S, SOURCE, SystemTest
from stream_subscriber import Subscriber, endpoints_of

SCENARIOS = SOURCE / "config" / "scenarios"
NAMES = ["ramp-hrtem", "ramp-fast", "nbd-scan", "ecm-hold", "ecm-uniform", "quiet-glass"]
NS = 1e-9


class Take:
    """What one run put on the wire, as arrays."""

    def __init__(self, camera, environment):
        self.starts = [message.series_start for message, _ in camera if message.HasField("series_start")]
        self.ends = [message.series_end for message, _ in camera if message.HasField("series_end")]
        frames = [(message, pixels) for message, pixels in camera if message.HasField("frame")]
        self.series = np.array([message.series_id for message, _ in frames])
        self.start_ns = np.array([message.frame.exposure_start_utc_ns for message, _ in frames])
        self.scan = np.array([(message.frame.scan_row, message.frame.scan_column) for message, _ in frames])
        shape = self.starts[0].camera.rows, self.starts[0].camera.columns
        self.counts = np.array([np.frombuffer(pixels[0], "<i2").reshape(shape) for _, pixels in frames])
        self.samples = [message.environment for message, _ in environment if message.HasField("environment")]


class Scenarios(SystemTest):
    def take(self, name, *arguments, speed="max"):
        self.truth = self.folder / f"{name}.h5"
        process = self.start("glasswatch-simulate", SCENARIOS / f"{name}.textproto", "--speed", speed, "--truth",
                             self.truth, "--wait-subscriber", PATIENCE_S, *arguments)
        take = Take(*Subscriber(endpoints_of(process, "camera", "environment")).receive(until=process.ended))
        self.assertEqual(process.wait(), 0, process.errors())
        return take

    def test_every_scenario_is_accepted(self):
        # A full scenario is refused for its missing subscriber only after it was read and judged.
        for name in NAMES + [name + "-small" for name in NAMES] + ["first-light"]:
            process = self.start("glasswatch-simulate", SCENARIOS / f"{name}.textproto", "--wait-subscriber", "0.01",
                                 "--camera-endpoint", "tcp://127.0.0.1:*", "--environment-endpoint",
                                 "tcp://127.0.0.1:*", "--control-endpoint", "tcp://127.0.0.1:*")
            self.assertEqual(process.wait(), 4, name)
            self.assertIn("nobody subscribed", process.errors(), name)

    def test_same_bytes_whatever_speed_and_threads(self):
        for name in (name + "-small" for name in NAMES):
            with self.subTest(name):
                one = self.take(name, "--frames", 4, "--threads", 1)
                other = self.take(name, "--frames", 4, "--threads", 3, speed=40)
                np.testing.assert_array_equal(one.counts, other.counts)
                np.testing.assert_array_equal(one.start_ns, other.start_ns)
                self.assertGreater(one.counts.std(), 0)

    def test_uniform_dynamics_have_the_planted_g2(self):
        """Raw sums over 128 x 128 pixels, speckle of 2.5 px behind a blurring camera, against A exp(-(t/tau)^beta); the
        error from 64 blocks of 16 x 16 pixels."""
        counts = self.take("ecm-uniform-small").counts.astype(float)
        with h5py.File(self.truth) as truth:
            tau_s, beta, contrast = (truth["maps"][name][()] for name in ("tau_s", "beta", "contrast"))
        self.assertEqual(np.ptp(tau_s), 0)
        self.assertEqual((float(tau_s[0, 0]), round(float(beta[0, 0]), 6), round(float(contrast[0, 0]), 6)), (100, 0.63, 0.1))
        series = counts.reshape(len(counts), 8, 16, 8, 16).swapaxes(2, 3)
        mean = series.mean()
        for lag in (1, 2, 5, 10, 20, 40):
            # Deviations from the mean of everything: the products' own fluctuation is then the only error that matters.
            product = ((series[:-lag] - mean) * (series[lag:] - mean)).mean(0) / mean**2
            blocks = product.mean((2, 3)).ravel()
            error = blocks.std(ddof=1) / 8
            expected = 0.1 * np.exp(-((lag * 5 / 100) ** 0.63))
            self.assertAlmostEqual(blocks.mean(), expected, delta=5 * error, msg=f"lag {lag}")
            self.assertLess(error, 0.003, "the test must be able to fail")

    def test_channels_relax_faster_in_ecm_hold(self):
        counts = self.take("ecm-hold-small").counts.astype(float)
        with h5py.File(self.truth) as truth:
            tau_s = truth["maps/tau_s"][()]
            label = truth["maps/region"][()]
        self.assertEqual(sorted(np.unique(label)), [1, 2])
        np.testing.assert_allclose(tau_s[label == 1], 100)
        np.testing.assert_allclose(tau_s[label == 2], 50)
        ratios = {}
        for region in (1, 2):
            series = counts[:, label == region]
            series = series / series.mean()
            g2 = [(series[:-lag] * series[lag:]).mean() / (series[:-lag].mean() * series[lag:].mean()) - 1
                  for lag in (1, 10)]
            ratios[region] = g2[1] / g2[0]
        # Closed form: exp(-(50/tau)^b + (5/tau)^b) is 0.612 at tau 100 and 0.468 at tau 50.
        self.assertAlmostEqual(ratios[1], 0.612, delta=0.06)
        self.assertAlmostEqual(ratios[2], 0.468, delta=0.09)

    def test_ramp_crystallizes_pauses_and_tells_the_truth(self):
        take = self.take("ramp-hrtem-small")
        with h5py.File(self.truth) as truth:
            frames = {name: data[()] for name, data in truth["frames"].items()}
            environment = {name: data[()] for name, data in truth["environment"].items()}
            nuclei = {name: data[()] for name, data in truth["nuclei"].items()}
            for group in truth.values():
                for data in group.values():
                    self.assertTrue(data.attrs["units"] and data.attrs["long_name"], data.name)
        self.assertEqual(len(take.starts), 4, "a pause every 20 s of 75 s")
        self.assertEqual(len(take.counts), 150)
        gaps_s = np.diff(take.start_ns) * NS
        self.assertEqual(sorted(np.round(gaps_s[gaps_s > 1], 3)), [10.5, 10.5, 10.5])
        np.testing.assert_array_equal(frames["time_utc_ns"], take.start_ns)
        np.testing.assert_allclose(frames["power"], np.nan)
        # The holder's clock is 0.35 s ahead; the true time stands beside the stamp.
        stamps = np.array([sample.time_utc_ns for sample in take.samples])
        np.testing.assert_array_equal(stamps, environment["time_utc_ns"])
        np.testing.assert_allclose((stamps - environment["camera_time_utc_ns"]) * NS, 0.35, atol=1e-6)
        self.assertGreater(len(nuclei["born_c"]), 3)
        self.assertGreaterEqual(nuclei["born_c"].min(), 350)
        self.assertTrue((nuclei["radius_nm"] <= 4 + 1e-9).all())
        first = np.argmin(nuclei["born_s"])  # is seen from birth on, no pause hides it
        self.assertLess(nuclei["frame_born"][first], nuclei["frame_2nm"][first])
        self.assertLess(nuclei["frame_2nm"][first], nuclei["frame_3nm"][first])
        born = nuclei["frame_born"]
        grown = nuclei["frame_3nm"] >= 0
        self.assertTrue(grown.any())
        self.assertTrue((nuclei["frame_3nm"][grown] >= born[grown]).all())
        # Born between the frame before and the frame that first has it.
        middle_s = (frames["time_utc_ns"] - frames["time_utc_ns"][0]) * NS + 0.225
        seen = born >= 0
        self.assertTrue((nuclei["born_s"][seen] <= middle_s[born[seen]] + 1e-9).all())
        # The image moves with the drift that is left, until the stage takes it back.
        residual = np.hypot(frames["residual_row_nm"], frames["residual_column_nm"])
        self.assertGreater(residual.max(), 0.3)
        self.assertLess(np.diff(residual).min(), -0.3, "the stage jumps back once half a nanometre is left")

    def test_scan_positions_and_planted_order(self):
        take = self.take("nbd-scan-small")
        self.assertEqual(take.starts[0].scan.rows, 10)
        np.testing.assert_array_equal(take.scan, [(i // 10, i % 10) for i in range(100)])
        with h5py.File(self.truth) as truth:
            weight = truth["maps/fourfold_weight"][()].ravel()
            self.assertGreater(len(truth["motifs/row_nm"]), 2)
        # 4-fold power of the ring, by the mean over the annulus in 72 sectors about the true centre.
        row, column = np.indices(take.counts[0].shape)
        y, x = row - 64.3, column - 62.8
        radius = np.hypot(y, x)
        sector = ((np.arctan2(y, x) + np.pi) / (2 * np.pi) * 72).astype(int) % 72
        ring = (radius > 38) & (radius < 50)
        power = []
        for image in take.counts:
            mean = np.bincount(sector[ring], image[ring], 72) / np.bincount(sector[ring], minlength=72)
            wave = np.abs(np.fft.rfft(mean)) ** 2 / 72**2
            power.append(wave[4] / mean.mean() ** 2)
        power = np.array(power)
        strong, weak = weight > np.quantile(weight, 0.85), weight < np.quantile(weight, 0.5)
        self.assertGreater(power[strong].mean(), 1.5 * power[weak].mean())


if __name__ == "__main__":
    unittest.main(verbosity=2)
