"""Scans through daemon and analyser: maps live, complete in time, the same to the bit; against reference maps."""
import json
import os
import re
import subprocess
import unittest

import h5py
import numpy as np

from processes import BIN, PATIENCE_S, SHARED, SOURCE, SystemTest, main, run

SCENARIO = """
name: "scan"
seed: 5
frames {{ rows: 128 columns: 128 frame_period_s: 0.02 exposure_s: 0.015 dose_e_per_px: 100 }}
ramp {{ start_c: 300 stop_c: 400 rate_k_per_min: 20 hold_after_s: 36000 }}
pattern {{ center_row_px: 61.6 center_col_px: 64.9 ring_radius_px: 40 ring_width_px: 6 background: 0.05 planted_order: 4
           amplitude: 0.3 onset_c: 100 full_c: 200 }}
endpoints {{ camera: "{camera}" environment: "{environment}" control: "{microscope}" }}
"""
SYMMETRY = "symmetry { r_min_px: 22 r_max_px: 58 radial_bins: 24 azimuthal_bins: 180 map_period_s: 0.05 }\n"


def patterns(count, rng, size=96, electrons=40):
    """Rings around (46.2, 48.7), their 4-fold amplitude rising from pattern to pattern."""
    y, x = np.mgrid[:size, :size]
    r, phi = np.hypot(y - 46.2, x - 48.7), np.arctan2(y - 46.2, x - 48.7)
    ring = np.exp(-((r - 30) / 4) ** 2)
    frames = [rng.poisson(electrons * (0.1 + ring * (1 + 0.5 * i / count * np.cos(4 * phi)))) for i in range(count)]
    return np.array(frames, dtype=np.int16)


class SymmetryMaps(SystemTest):
    def analyze(self, configuration, *arguments):
        output = self.folder / "offline.h5"
        done = run("glasswatch-analyze", "--config", self.write("offline.textproto", configuration), "--output", output,
                   *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return h5py.File(output)

    def test_scan_with_estimated_calibration_live_and_offline(self):
        """A 5 x 6 scan: the centre is found, the map fills, live and offline agree to the bit."""
        np.save(self.folder / "scan.npy", patterns(30, np.random.default_rng(3)).reshape(5, 6, 96, 96))
        configuration = ("acquisition { frame_period_s: 0.01 exposure_s: 0.01 }\n"
                         "calibration { estimate { frames: 10 } }\n"
                         "detector { counts_per_electron: 1 }\n"
                         "symmetry { r_min_px: 15 r_max_px: 44 radial_bins: 20 azimuthal_bins: 180 }\n")
        self.start_daemon(configuration + self.addresses.configuration())
        monitor = self.start_monitor()
        config = self.write("replay.textproto", "acquisition { frame_period_s: 0.01 exposure_s: 0.01 }\n")
        replay = run("glasswatch-replay", "--camera-endpoint", self.addresses.camera, "--environment-endpoint",
                     self.addresses.environment, "--speed", "max", "--config", config, self.folder / "scan.npy")
        self.assertEqual(replay.returncode, 0, replay.stderr)
        monitor.wait_end_of_series()
        snapshot = self.folder / "snapshot.h5"
        self.assertEqual(self.command("snapshot", snapshot).returncode, 0)
        live, offline = h5py.File(snapshot), self.analyze(configuration, self.folder / "scan.npy", "--threads", 3)
        calibration = offline["symmetry/calibration"].attrs
        self.assertEqual(calibration["origin"], "ESTIMATED")
        self.assertAlmostEqual(calibration["center_row_px"], 46.2, delta=0.1)
        self.assertAlmostEqual(calibration["center_col_px"], 48.7, delta=0.1)
        for name in ("power", "power_sigma", "noise_power", "ring_power", "ring_significance", "map_power",
                     "map_normalized", "map_coefficient", "map_mean_counts"):
            np.testing.assert_array_equal(live["symmetry"][name][()], offline["symmetry"][name][()], name)
        power = offline["symmetry/map_power"][..., list(offline["symmetry/orders"]).index(4)]
        self.assertEqual(power.shape, (5, 6))
        # Planted amplitude i/60 at position i; the background beneath the ring lowers it, the same for all.
        planted = (np.arange(30) / 60) ** 2 / 4
        self.assertGreater(np.corrcoef(power.ravel(), planted)[0, 1], 0.995)
        normalized = offline["symmetry/map_normalized"][..., 2]
        self.assertEqual((normalized.min(), normalized.max()), (0, 1))

    def test_live_scan_fills_the_map_in_time(self):
        """A simulated nanobeam scan: map messages add up to the whole, the last within 100 ms."""
        self.start_daemon("calibration { center_row_px: 64.3 center_col_px: 62.8 k_per_px_inv_nm: 0.1 }\n" + SYMMETRY +
                          self.addresses.configuration())
        monitor = self.start_monitor()
        scenario = re.sub(r"endpoints \{.*\}", f'endpoints {{ camera: "{self.addresses.camera}" environment: '
                          f'"{self.addresses.environment}" control: "{self.addresses.microscope}" }}',
                          (SOURCE / "config/scenarios/nbd-scan-small.textproto").read_text())
        self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--speed", 2)
        scan = monitor.wait_end_of_series()
        monitor.wait_message("map", lambda m: m.get("complete"), "complete map")
        updates = [m for m in monitor.messages("map") if m["series_id"] == scan["series_id"]]
        self.assertGreater(len(updates), 3)
        seen = {}
        for update in updates:
            channels = len(update["channel"])
            for at, position in enumerate(update["position"]):
                seen[position] = [float(v) for v in update["value"][at * channels:(at + 1) * channels]]
        self.assertEqual(sorted(seen), list(range(100)))
        self.assertTrue(updates[-1]["complete"])
        self.assertEqual(updates[-1]["step_nm"], 1)
        four = updates[-1]["channel"].index("power 4")
        frames = {f["scan_row"] * 10 + f["scan_column"]: f for f in monitor.frames()
                  if f["series_id"] == scan["series_id"]}
        for position, values in seen.items():
            self.assertEqual(np.float32(values[four]), np.float32(frames[position]["symmetry"]["ring_power"][2]))
        last = [m for m in map(json.loads, list(monitor.lines)) if "map" in m and m["map"]["complete"]][0]
        late_s = (int(last["published_utc_ns"]) - int(last["map"]["frame_received_utc_ns"])) * 1e-9
        self.assertGreater(late_s, 0)
        self.assertLess(late_s, 0.1 * PATIENCE_S / 60)  # sanitizers are slow

    def test_rows_and_orders_change_while_running(self):
        self.start_daemon("calibration { k_per_px_inv_nm: 0.1 estimate { frames: 4 } }\n" +
                          SYMMETRY.replace("map_period_s", "ring_min_inv_nm: 3 ring_max_inv_nm: 5 map_period_s") +
                          self.addresses.configuration())
        monitor = self.start_monitor()
        scenario = SCENARIO.format(camera=self.addresses.camera, environment=self.addresses.environment,
                                   microscope=self.addresses.microscope)
        self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--speed", 1)
        first = monitor.wait_message("frame", lambda f: f["symmetry"]["validity"] == "VALID", "calibrated frame")
        self.assertEqual(len(first["symmetry"]["ring_power"]), 11)
        refused = self.command("set-symmetry", "--ring-min", 5, "--ring-max", 4)
        self.assertEqual(refused.returncode, 4)
        self.assertIn("ring_min_inv_nm", refused.stderr)
        done = self.command("set-symmetry", "--ring-min", 3.8, "--ring-max", 4.2, "--orders", "4,8")
        self.assertEqual(done.returncode, 0, done.stderr)
        changed = monitor.wait_message("frame", lambda f: len(f["symmetry"]["ring_power"]) == 2, "two orders")
        self.assertLess(changed["symmetry"]["ring_rows"], first["symmetry"]["ring_rows"])
        self.assertNotEqual(changed["configuration_digest"], first["configuration_digest"])
        self.assertEqual(self.command("calibrate").returncode, 0)
        monitor.wait_message("setup", lambda s: s["calibration"]["origin"] == "ESTIMATED" and
                             len(s["orders"]) == 2 and s["calibration"]["frames"] == 4, "new calibration")

    @unittest.skipIf(PATIENCE_S > 60, "a sanitizer keeps freed memory")
    def test_memory_stays_flat(self):
        """100,000 frames need no more memory than 2,000: 2 MiB for file buffers and allocator."""
        np.save(self.folder / "few.npy", patterns(20, np.random.default_rng(4), size=64))
        configuration = self.write("flat.textproto", "acquisition { frame_period_s: 0.01 }\n"
                                   "calibration { center_row_px: 31 center_col_px: 31 }\n"
                                   "symmetry { r_min_px: 8 r_max_px: 30 radial_bins: 2 azimuthal_bins: 16 "
                                   "orders: [2, 4] }\n")
        peaks = []
        for repeat in (100, 5000):
            arguments = [BIN / "glasswatch-analyze", "--config", configuration, "--output", self.folder / "o.h5",
                         "--repeat", str(repeat), self.folder / "few.npy"]
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            self.assertEqual(status, 0)
            peaks.append(usage.ru_maxrss)
        self.assertLess(peaks[1] - peaks[0], 2048, f"KiB at 2,000 and 100,000 frames: {peaks}")

    @unittest.skipUnless((SHARED / "nbd_from_measured_atoms").is_dir(), f"no reference data in {SHARED}")
    def test_maps_of_a_measured_structure(self):
        """Kinematic patterns of measured atom positions against maps by pyxem, given its calibration."""
        folder = SHARED / "nbd_from_measured_atoms"
        case = json.loads((folder / "case.json").read_text())
        low, high = case["r_range_px"]
        file = self.analyze(f"""acquisition {{ frame_period_s: 1 exposure_s: 1 }}
calibration {{ center_row_px: {case["center_row_col"][0] - 0.5} center_col_px: {case["center_row_col"][1] - 0.5} }}
symmetry {{ r_min_px: {low} r_max_px: {high} radial_bins: {case["nk"]} azimuthal_bins: {case["nphi"]} }}
""", folder / "scan.npy")
        rows = slice(*case["k_region_index"])
        orders = list(file["symmetry/orders"])
        for n, least in ((2, 0.999), (4, 0.999), (6, 0.999), (8, 0.99), (10, 0.99)):
            reference = np.load(folder / f"map_power_n{n}.npy")
            ours = np.full(reference.shape, np.nan)
            power = file["symmetry/power"][:, rows, orders.index(n)]
            for value, row, column in zip((power ** 2).sum(axis=1), file["frames/scan_row"], file["frames/scan_column"]):
                ours[row, column] = value
            self.assertGreater(np.corrcoef(ours.ravel(), reference.ravel())[0, 1], least, f"n = {n}")


if __name__ == "__main__":
    main()
