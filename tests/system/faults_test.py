"""Faults in the stream are counted under the right name, the stream goes on, and C and g2 do not change by them."""
from collections import Counter

import numpy as np

from processes import SystemTest, main

FRAMES = 40
SCENARIO = """
name: "faults"
seed: 5
frames {{ rows: 64 columns: 64 frame_period_s: 1 exposure_s: 0.9 count: {frames} dose_e_per_px: 400 }}
ramp {{ start_c: 380 stop_c: 420 rate_k_per_min: 20 }}
pattern {{ center_row_px: 31.5 center_col_px: 31.5 ring_radius_px: 20 ring_width_px: 4 onset_c: 350 full_c: 400 }}
endpoints {{ camera: "{camera}" environment: "{environment}" control: "{microscope}" }}
{faults}
"""
CONFIGURATION = """
calibration { center_row_px: 31.5 center_col_px: 31.5 k_per_px_inv_nm: 0.2 }
symmetry { r_min_px: 12 r_max_px: 28 radial_bins: 16 azimuthal_bins: 120 orders: [2, 4, 6] keep_correlation: true }
ecm { max_lag_s: 10 }
"""


class Faults(SystemTest):
    def simulate(self, faults):
        """Frames by sequence number and the final status of a daemon that watched the simulator with these faults."""
        daemon = self.start_daemon(CONFIGURATION + self.addresses.configuration())
        monitor = self.start_monitor()
        scenario = SCENARIO.format(frames=FRAMES, camera=self.addresses.camera, environment=self.addresses.environment,
                                   microscope=self.addresses.microscope, faults=faults)
        simulator = self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--speed", "max",
                               "--wait-subscriber", 30)
        self.assertEqual(simulator.wait(), 0, simulator.errors())
        monitor.wait_end_of_series()
        status = self.wait_status(lambda s: s["state"] == "IDLE")
        frames = {int(frame["sequence"]): frame for frame in monitor.frames()}
        monitor.stop()
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        return frames, self.source(status, "camera"), self.source(status, "environment")

    @staticmethod
    def correlations(frames):
        return {sequence: np.array([float(c) for c in frame["symmetry"]["correlation"]])
                for sequence, frame in frames.items()}

    def check(self, faults, expected, missing=(), clean=None):
        """Counters as expected (all others 0), all frames but `missing` there, their C as without faults."""
        frames, camera, environment = self.simulate(faults)
        counted = Counter({name: int(camera[name]) for name in ("lost", "duplicate", "late", "dropped_by_overflow")})
        counted.update({reason: int(count) for reason, count in camera["rejected"].items()})
        self.assertEqual(+counted, Counter(expected))
        self.assertEqual(set(frames), set(range(FRAMES)) - set(missing))
        for name in ("lost", "duplicate", "late", "rejected"):
            self.assertIn(environment[name], ("0", {}), name)
        if clean is not None:
            before, after = self.correlations(clean), self.correlations(frames)
            for sequence, correlation in after.items():
                np.testing.assert_array_equal(correlation, before[sequence], f"C of frame {sequence}")
        return frames

    def test_each_fault_is_counted_by_its_name(self):
        clean = self.check("", {})
        clean_g2 = np.array([float(g) for g in clean[FRAMES - 1]["ecm"]["g2"]])
        cases = [
            ("LOSE", {"lost": 2}, (7, 19)),
            ("DUPLICATE", {"duplicate": 2}, ()),
            ("SWAP_WITH_NEXT", {"late": 2}, ()),
            ("SWAP_WITH_NEXT sequence: 0", {"late": 3}, ()),
            ("OVERSIZE", {"size": 2}, (7, 19)),
            ("WRONG_HEADER", {"header": 2}, (7, 19)),
            # Nothing can be read from garbage, its sequence number least of all: the frame is also missing.
            ("GARBAGE", {"malformed": 2, "lost": 2}, (7, 19)),
        ]
        for kind, expected, missing in cases:
            with self.subTest(kind):
                self.addresses = type(self.addresses)()
                frames = self.check(f"fault {{ kind: {kind} sequence: 7 sequence: 19 }}", expected, missing, clean)
                last = frames[FRAMES - 1]["ecm"]
                g2 = np.array([float(g) for g in last["g2"]])
                if missing:
                    # Pairs with the missing frames are not formed; with 400 electrons a pixel the others agree.
                    self.assertEqual(int(last["frames_used"]), FRAMES - len(missing))
                    self.assertEqual(int(last["frames_missing"]), len(missing))
                    self.assertEqual(int(last["pairs"][0]), FRAMES - 1 - 2 * len(missing))
                    np.testing.assert_allclose(g2, clean_g2, rtol=2e-3)
                else:
                    # The same frames in another order: the same raw sums up to the order of additions.
                    np.testing.assert_allclose(g2, clean_g2, rtol=1e-12)
                    self.assertEqual(int(last["frames_used"]), FRAMES)
                for sequence in missing:
                    self.assertTrue(frames[sequence + 1]["flags"] & 1, "the gap is flagged at the next frame")

    def test_faults_of_the_environment_do_not_touch_frames(self):
        frames, camera, environment = self.simulate(
            "fault { kind: LOSE stream: ENVIRONMENT sequence: 40 }"
            "fault { kind: DUPLICATE stream: ENVIRONMENT sequence: 80 }"
            "fault { kind: GARBAGE stream: ENVIRONMENT sequence: 120 }")
        self.assertEqual(environment["lost"], "2")
        self.assertEqual(environment["duplicate"], "1")
        self.assertEqual(environment["rejected"], {"malformed": "1"})
        self.assertEqual(camera["lost"], "0")
        self.assertEqual(len(frames), FRAMES)
        for frame in frames.values():  # a lost sample leaves a hole of 0.15 s, far below max_gap_s
            self.assertEqual(frame["temperature"]["validity"], "VALID", frame["temperature"]["reason"])


if __name__ == "__main__":
    main()
