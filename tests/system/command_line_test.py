"""Exit codes and error lines of every program; every example configuration loads."""
import json
import random
import shutil
import unittest

import h5py
import numpy as np

from processes import SHARED, SOURCE, SystemTest, main, run

PROGRAMS = ("glasswatchd", "glasswatch", "glasswatch-replay", "glasswatch-simulate", "glasswatch-analyze")
ANALYSIS = """
acquisition { frame_period_s: 1 }
calibration { center_row_px: 15.5 center_col_px: 15.5 }
symmetry { r_min_px: 4 r_max_px: 12 radial_bins: 8 azimuthal_bins: 60 }
"""


class CommandLine(SystemTest):
    def assert_error(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        for line in done.stderr.splitlines():
            self.assertRegex(line, r"^glasswatch[a-z-]*: ", "one line an error, the program's name first")

    def check(self, text):
        return run("glasswatchd", "--check", "--config", self.write("bad.textproto", text))

    def test_help_version_and_usage(self):
        for program in PROGRAMS:
            with self.subTest(program):
                self.assertEqual(run(program, "--help").returncode, 0)
                version = run(program, "--version")
                self.assertEqual((version.returncode, version.stdout.strip().split()[-1]), (0, "0.1.0"))
                self.assert_error(run(program, "--no-such-option"), 2)

    def test_example_configurations_load(self):
        examples = sorted((SOURCE / "config").glob("*.textproto"))
        self.assertTrue(examples)
        for example in examples:
            with self.subTest(example.name):
                done = run("glasswatchd", "--check", "--config", example)
                self.assertEqual(done.returncode, 0, done.stderr)
                again = self.check(done.stdout)  # what is printed as effective is a configuration itself
                self.assertEqual((again.returncode, again.stdout), (0, done.stdout))

    def test_example_scenarios_run(self):
        # The full-size ones prepare for many seconds under sanitizers: scenarios_test.py reads them.
        folder = SOURCE / "config/scenarios"
        examples = [folder / "first-light.textproto", *sorted(folder.glob("*-small.textproto"))]
        self.assertEqual(len(examples), 7)
        for example in examples:
            with self.subTest(example.name):
                done = run("glasswatch-simulate", example, "--frames", 2, "--speed", "max", "--camera-endpoint",
                           self.addresses.camera, "--environment-endpoint", self.addresses.environment,
                           "--control-endpoint", self.addresses.microscope)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("sent 2 frames", done.stdout)

    def test_scans_and_stacks_in_one_run(self):
        """The map is that of the last scan, whatever comes before and after it."""
        generator = np.random.default_rng(3)
        shapes = {"scan": (2, 3, 32, 32), "larger": (4, 4, 32, 32), "stack": (5, 32, 32)}
        for name, shape in shapes.items():
            np.save(self.folder / f"{name}.npy", generator.integers(50, 60, shape).astype(np.uint16))
        output = self.folder / "o.h5"
        for inputs, shape in ((("larger", "scan", "stack"), (2, 3)), (("scan", "larger"), (4, 4))):
            done = run("glasswatch-analyze", "--config", self.write("a.textproto", ANALYSIS), "--output", output,
                       *(self.folder / f"{name}.npy" for name in inputs))
            self.assertEqual(done.returncode, 0, done.stderr)
            with h5py.File(output) as file:
                self.assertEqual(file["symmetry/map_power"].shape[:2], shape)
                first = 16 if inputs[0] == "larger" else 6
                count = shape[0] * shape[1]
                expected = file["symmetry/ring_power"][first:first + count].reshape(*shape, -1)
                np.testing.assert_array_equal(file["symmetry/map_power"][()], expected.astype(np.float32))
                # The gain of the camera is unknown here: no floor, and never zero.
                self.assertTrue(np.isnan(file["symmetry/noise_floor"][()]).all())

    def test_configuration_errors_name_field_value_range_and_place(self):
        camera = 'camera { kind: "ceta" endpoint: "tcp://127.0.0.1:1" }\n'
        cases = [
            ("calibration { centre: 3 }", ("bad.textproto:1:", "centre")),
            (camera + "temperature {\n  max_gap_s: -1 }", ("bad.textproto:3:", "temperature.max_gap_s", "-1", "(0, 3600]")),
            (camera + "calibration { center_row_px: 1 }", ("center_row_px and center_col_px",)),
            (camera + "symmetry { r_min_px: 5 r_max_px: 4 }", ("calibration", "symmetry.r_min_px = 5")),
            (camera + ANALYSIS.replace("radial_bins: 8", "radial_bins: 8 orders: [2, 40]"), ("40", "azimuthal_bins")),
            ('camera { kind: "cete" endpoint: "x" }', ("cete", "ceta, axon")),
            ("temperature {}", ("camera section",)),
            (camera + 'trigger { name: "t" quantity: MEAN_COUNTS threshold: 1 }', ("environment", "require_temperature")),
        ]
        for text, words in cases:
            with self.subTest(text):
                self.assert_error(self.check(text), 2, *words)
        self.assert_error(run("glasswatchd", "--config", "/nowhere/x.textproto"), 2, "/nowhere/x.textproto")
        mask = self.check(camera + 'calibration { center_row_px: 1 center_col_px: 1 mask_path: "none.npy" }')
        self.assert_error(mask, 3, "none.npy")
        bad = self.write("bad.textproto", self.addresses.configuration().replace(self.addresses.camera, "nonsense"))
        self.assert_error(run("glasswatchd", "--config", bad), 2, "camera.endpoint", "nonsense")
        # Every fault is told, not only the first.
        both = self.check(camera + "temperature { max_gap_s: -1 wait_s: -2 }")
        self.assertEqual(len(both.stderr.splitlines()), 2)

    def test_dynamics_that_do_not_fit_are_refused_with_the_remedy(self):
        np.save(self.folder / "stack.npy", np.ones((4, 32, 32), np.uint8))
        configuration = self.write("ecm.textproto", ANALYSIS + "ecm { max_lag_s: 1e7 } limits { memory_mib: 16 }")
        done = run("glasswatch-analyze", "--config", configuration, "--output", self.folder / "o.h5",
                   self.folder / "stack.npy")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("no dynamics", done.stderr)  # four frames have no long lags
        configuration = self.write("ecm.textproto", ANALYSIS + "ecm { label_path: 'none.npy' }")
        done = run("glasswatch-analyze", "--config", configuration, "--output", self.folder / "o.h5",
                   self.folder / "stack.npy")
        self.assert_error(done, 3, "none.npy", "ecm.label_path")

    def test_clients_without_daemon(self):
        done = run("glasswatch", "--control", self.addresses.service, "--timeout", 0.2, "status")
        self.assert_error(done, 4, self.addresses.service, "glasswatchd")

    def test_control_answers_are_typed(self):
        self.start_daemon(ANALYSIS + self.addresses.configuration())
        self.assertIn("NOT_CONFIGURED", self.command("arm").stderr)
        record = self.command("record", "start", "--json")
        self.assertEqual(record.returncode, 4)
        self.assertEqual(json.loads(record.stdout)["error"]["code"], "NOT_CONFIGURED")
        self.assertEqual(self.command("reset").returncode, 0)
        self.assertEqual(self.command("disarm").returncode, 0)

    def test_a_second_daemon_says_which_port_is_taken(self):
        self.start_daemon(ANALYSIS + self.addresses.configuration())
        second = run("glasswatchd", "--config", self.folder / "daemon.textproto")
        self.assertEqual(second.returncode, 4)
        self.assertRegex(second.stderr, r"glasswatchd: .*(port|endpoint).*")

    def analyze(self, path):
        configuration = self.write("a.textproto", ANALYSIS)
        return run("glasswatch-analyze", "--config", configuration, "--output", self.folder / "o.h5", path)

    def assert_refused_or_read(self, path, what):
        """Bad input never crashes a program: one error line and 3, or the damage is where no reader can see it."""
        done = self.analyze(path)
        self.assertIn(done.returncode, (0, 3), f"{what}: {done.stderr}")
        if done.returncode == 3:
            self.assertEqual(len(done.stderr.splitlines()), 1, f"{what}: {done.stderr}")
            self.assertIn(path.name, done.stderr)
            self.assertFalse((self.folder / "o.h5").exists(), "no result file of a failed run")
        return done.returncode

    def test_damaged_stack(self):
        np.save(self.folder / "whole.npy", np.ones((3, 32, 32), np.int16))
        whole = (self.folder / "whole.npy").read_bytes()
        damaged = self.folder / "damaged.npy"
        for size in (0, 5, 64, len(whole) - 1):
            damaged.write_bytes(whole[:size])
            self.assertEqual(self.assert_refused_or_read(damaged, f"{size} bytes"), 3)
        self.assertEqual(self.assert_refused_or_read(self.folder / "missing.npy", "missing"), 3)

    @unittest.skipUnless((SHARED / "instrument").is_dir() if str(SHARED) else False,
                         "the folder of real instrument files is not here")
    def test_real_instrument_files(self):
        """Every real file opens; truncated, bit-flipped and empty copies give one error and 3, never a crash."""
        generator = random.Random(20230512)
        recordings = [path for path in sorted((SHARED / "instrument").iterdir()) if path.suffix in (".emd", ".ser")]
        recordings.append(SHARED / "amorphous_titan_real/Amorphous.hspy")
        self.assertEqual(len(recordings), 5)
        for recording in recordings:
            with self.subTest(recording.name):
                done = self.analyze(recording)
                self.assertEqual(done.returncode, 0, done.stderr)
                (self.folder / "o.h5").unlink()
                whole = recording.read_bytes()
                copy = self.folder / recording.name
                for size in (0, 100, len(whole) // 2):
                    copy.write_bytes(whole[:size])
                    self.assertEqual(self.assert_refused_or_read(copy, f"{size} bytes"), 3)
                for _ in range(6):
                    flipped = bytearray(whole)
                    flipped[generator.randrange(min(len(whole), 8192))] ^= 1 << generator.randrange(8)
                    copy.write_bytes(flipped)
                    if self.assert_refused_or_read(copy, "bit flip") == 0:
                        (self.folder / "o.h5").unlink()
        logs = [path for path in sorted((SHARED / "instrument").iterdir()) if path.suffix == ".csv"]
        np.save(self.folder / "one.npy", np.ones((32, 32), np.uint8))
        configuration = self.write("a.textproto", ANALYSIS)
        for log in logs:
            with self.subTest(log.name):
                arguments = ("--config", configuration, "--output", self.folder / "o.h5", self.folder / "one.npy",
                             "--environment")
                self.assertEqual(run("glasswatch-analyze", *arguments, log).returncode, 0)
                empty = self.write("empty.csv", "")
                self.assert_error(run("glasswatch-analyze", *arguments, empty), 3, "empty.csv")
                shutil.copy(log, self.folder / "copy.csv")
                lines = log.read_text(errors="replace").splitlines()
                lines[len(lines) // 2] = "12,34,broken,x"
                broken = self.write("broken.csv", "\n".join(lines) + "\n")
                self.assert_error(run("glasswatch-analyze", *arguments, broken), 3, "broken.csv",
                                  f"line {len(lines) // 2 + 1}")


if __name__ == "__main__":
    main()
