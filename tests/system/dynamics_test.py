"""A planted series through daemon and analyser: relaxation times live and offline the same to the bit, with their null."""
import unittest

import h5py
import numpy as np

from processes import SOURCE, SystemTest, main, run

ROWS, COLUMNS, FRAMES, PERIOD_S = 48, 56, 260, 2
TAU_SLOTS, CONTRAST, MEAN = (12.0, 6.0), 0.15, 900  # matrix, channel
TIMING = f"acquisition {{ frame_period_s: {PERIOD_S} exposure_s: 1.5 }}\n"
ECM = "ecm { max_lag_s: 200 pool_px: 8 fit_pixels: true map_period_s: 0 label_path: 'label.npy' }\n"


def label():
    """Channels are every fourth stripe of 8 px."""
    stripe = np.arange(COLUMNS) // 8 % 4 == 0
    return np.tile(np.where(stripe, 2, 1).astype(np.uint8), (ROWS, 1))


def series(rng):
    """Independent pixels with g2 - 1 = A exp(-t/tau): first-order autoregression, beta = 1."""
    step = np.exp(-1 / np.where(label() == 2, TAU_SLOTS[1], TAU_SLOTS[0]))
    x = rng.normal(size=(ROWS, COLUMNS))
    frames = np.empty((FRAMES, ROWS, COLUMNS), np.int16)
    for t in range(FRAMES):
        frames[t] = rng.poisson(np.maximum(MEAN * (1 + np.sqrt(CONTRAST) * x), 0))
        x = step * x + np.sqrt(1 - step ** 2) * rng.normal(size=x.shape)
    return frames


def datasets(file):
    """Every dataset and attribute of /ecm and /regions."""
    found = {}

    def visit(name, item):
        if name.split("/")[0] in ("ecm", "regions"):
            found.update({f"{name}@{key}": value for key, value in item.attrs.items()})
            if isinstance(item, h5py.Dataset):
                found[name] = item[()]

    file.visititems(visit)
    return found


class Dynamics(SystemTest):
    def setUp(self):
        super().setUp()
        np.save(self.folder / "stack.npy", series(np.random.default_rng(4)))
        np.save(self.folder / "label.npy", label())

    def live(self, arguments):
        """The file of a snapshot at the end of the series, and the final message."""
        self.start("glasswatchd", "--config", self.write("daemon.textproto", TIMING + ECM + self.addresses.configuration()),
                   *arguments)
        self.wait_status(lambda _: True)
        monitor = self.start_monitor()
        replay = run("glasswatch-replay", "--camera-endpoint", self.addresses.camera, "--environment-endpoint",
                     self.addresses.environment, "--speed", "max", "--config", self.write("replay.textproto", TIMING),
                     self.folder / "stack.npy")
        self.assertEqual(replay.returncode, 0, replay.stderr)
        final = monitor.wait_message("dynamics", lambda d: d.get("final"), "final dynamics")
        output = self.folder / "live.h5"
        done = self.command("snapshot", output)
        self.assertEqual(done.returncode, 0, done.stderr)
        return h5py.File(output), final, monitor

    def offline(self, threads):
        output = self.folder / f"offline{threads}.h5"
        done = run("glasswatch-analyze", "--config", self.write("offline.textproto", TIMING + ECM), "--output", output,
                   "--threads", threads, self.folder / "stack.npy")
        self.assertEqual(done.returncode, 0, done.stderr)
        return h5py.File(output)

    def test_live_and_offline_agree_to_the_bit_and_with_what_was_planted(self):
        live, final, monitor = self.live(["--threads", 2])
        one, three = self.offline(1), self.offline(3)
        expected = datasets(one)
        self.assertIn("ecm/pixel/tau_s", expected)
        self.assertIn("ecm/histogram/null_fraction", expected)
        for name, file in (("3 threads", three), ("live", live)):
            found = datasets(file)
            self.assertEqual(sorted(found), sorted(expected), name)
            for key, value in expected.items():
                np.testing.assert_array_equal(found[key], value, f"{key}, {name}")

        # The field mixes two relaxation times; each region has its own.
        for region, tau_slots in (("matrix", TAU_SLOTS[0]), ("channel", TAU_SLOTS[1])):
            fit = one[f"ecm/regions/{region}"].attrs
            self.assertEqual(fit["fit_status"], "FIT_CONVERGED")
            self.assertLess(abs(fit["tau_s"] - tau_slots * PERIOD_S), 4 * fit["tau_sigma_s"] + 0.02 * tau_slots * PERIOD_S)
            self.assertLess(abs(fit["beta"] - 1), 4 * fit["beta_sigma"] + 0.02)
            self.assertLess(abs(fit["contrast"] - CONTRAST), 4 * fit["contrast_sigma"] + 0.005)
        difference = one["ecm/regions/channel_over_matrix"].attrs
        self.assertLess(difference["p_value"], 1e-3)
        self.assertLess(one["ecm/heterogeneity"].attrs["p_value"], 1e-3)
        self.assertEqual(one["ecm/pooled/tau_s"].shape, (ROWS // 8, COLUMNS // 8))
        self.assertEqual(one["ecm/pooled/g2"].shape, (ROWS // 8, COLUMNS // 8, len(one["ecm/lag_s"])))
        self.assertEqual(one["ecm/pixel/tau_s"].shape, (ROWS, COLUMNS))
        np.testing.assert_array_equal(one["regions/label"][()], label())
        # Single pixels of so short a series read tau too short: the null says so.
        null = one["ecm/histogram/null_fraction"].attrs
        self.assertLess(null["fraction_above"], 0.48)
        self.assertGreater(null["fraction_above"], 0.2)

        # What was published is what is in the file, thinned only where pixels are many.
        self.assertEqual(float(final["field"]["tau_s"]), one["ecm/field"].attrs["tau_s"])
        tau = np.array([float(v) for v in final["cells"]["tau_s"]], np.float32)
        np.testing.assert_array_equal(tau, one["ecm/pooled/tau_s"][()].ravel())
        self.assertGreater(len(monitor.messages("dynamics")), 2)  # while the series went on, too

    def test_simulated_hold_finds_its_channels(self):
        """The small twin of the paper's experiment, its channels found by their brightness."""
        configuration = "ecm { max_lag_s: 500 pool_px: 8 }\n"
        self.start_daemon(configuration + self.addresses.configuration())
        monitor = self.start_monitor()
        self.start("glasswatch-simulate", SOURCE / "config/scenarios/ecm-hold-small.textproto", "--speed", "max",
                   "--wait-subscriber", 60, "--camera-endpoint", self.addresses.camera, "--environment-endpoint",
                   self.addresses.environment, "--control-endpoint", self.addresses.microscope)
        final = monitor.wait_message("dynamics", lambda d: d.get("final"), "final dynamics")
        field = final["field"]
        self.assertEqual(field["status"], "FIT_CONVERGED")
        # Planted: 100 s in the cores, 50 s in the channels.
        self.assertLess(50 - 3 * float(field["tau_sigma_s"]), float(field["tau_s"]))
        self.assertLess(float(field["tau_s"]), 100 + 3 * float(field["tau_sigma_s"]))
        self.assertEqual(int(final["frames_used"]), 300)


if __name__ == "__main__":
    main()
