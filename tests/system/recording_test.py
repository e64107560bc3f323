"""Recordings of the daemon: what was streamed comes back to the bit, through replay and analysis; what a crash leaves is
whole; a bad disk stops nothing but the recording."""
import os
import signal
import subprocess
import time
import unittest
import zlib

import h5py
import numpy as np

from processes import BIN, PATIENCE_S, SystemTest, main, run

SCENARIO = """
name: "recorded"
seed: 11
start_utc: "2023-05-12T09:00:00Z"
frames {{ rows: 96 columns: 80 frame_period_s: 0.1 exposure_s: 0.08 dose_e_per_px: 60 }}
ramp {{ start_c: 300 stop_c: 400 rate_k_per_min: 600 hold_after_s: 36000 sample_period_s: 0.05 sample_jitter_s: 0.02 }}
pattern {{ center_row_px: 47.3 center_col_px: 40.1 ring_radius_px: 26 ring_width_px: 5 background: 0.1 planted_order: 4
           amplitude: 0.3 onset_c: 100 full_c: 200 }}
stage {{ refocus_every_s: {refocus_s} refocus_wait_s: 1 }}
{faults}
"""
FAULTS = """
fault { kind: LOSE rate: 0.1 }
fault { kind: SWAP_WITH_NEXT sequence: [8] }
fault { kind: DUPLICATE sequence: [12] }
fault { kind: GARBAGE sequence: [15] }
fault { kind: LOSE stream: ENVIRONMENT rate: 0.05 }
"""
ANALYSES = """
calibration { center_row_px: 47 center_col_px: 40 k_per_px_inv_nm: 0.15 }
symmetry { r_min_px: 12 r_max_px: 38 radial_bins: 13 azimuthal_bins: 90 }
ecm { max_lag_s: 2 pool_px: 8 fit_pixels: true map_period_s: 0.1 }
temperature { max_gap_s: 2 }
"""


def datasets(group):
    found = {}
    group.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


class RecordingTest(SystemTest):
    def simulate(self, *arguments, faults="", refocus_s=0):
        scenario = self.write("scenario.textproto", SCENARIO.format(faults=faults, refocus_s=refocus_s))
        return self.start("glasswatch-simulate", scenario, "--camera-endpoint", self.addresses.camera,
                          "--environment-endpoint", self.addresses.environment, "--control-endpoint",
                          self.addresses.microscope, "--wait-subscriber", 30, *arguments)

    def configuration(self, recording, analyses=ANALYSES):
        return self.addresses.configuration() + analyses + f"recording {{ {recording} }}\n"

    def wait_recorded(self, daemon, series):
        """Until so many series have gone through analysis and recorder."""
        return self.wait_status(lambda s: int(self.source(s, "camera")["series_ended"]) == series and s["state"] == "IDLE"
                                and s["recording"]["state"] == "WAITING", daemon)

    def files(self, folder):
        return sorted((self.folder / folder).glob("*.hspy"))

    def assert_same(self, one, other, what):
        self.assertEqual(sorted(one), sorted(other), what)
        for name in one:
            self.assertEqual(one[name].dtype, other[name].dtype, f"{what}: {name}")
            np.testing.assert_array_equal(one[name], other[name], f"{what}: {name}")

    def analyze(self, configuration, inputs, *arguments):
        output = self.folder / "offline.h5"
        output.unlink(missing_ok=True)
        done = run("glasswatch-analyze", "--config", configuration, "--output", output, *inputs, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(output) as file:
            return datasets(file)

    def test_replay_and_analysis_of_a_recording_give_the_live_results(self):
        """Gaps, jitter, late and refused frames, a pause for refocusing: two series, each the same to the bit."""
        for folder in ("live", "again"):
            (self.folder / folder).mkdir()
        daemon = self.start_daemon(self.configuration('directory: "live" mode: ALWAYS'))
        configuration = self.folder / "daemon.textproto"
        simulator = self.simulate("--speed", "max", "--frames", 60, faults=FAULTS, refocus_s=4)
        self.assertEqual(simulator.wait(), 0, simulator.errors())
        self.wait_recorded(daemon, 2)
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        recordings = self.files("live")
        self.assertEqual(len(recordings), 2)  # the pause ended the first series
        live = {}
        for path in recordings:
            with h5py.File(path) as file:
                live[path] = datasets(file["results"])
                self.assertGreater(len(live[path]["frames/sequence"]), 10)
                self.assertTrue(np.all(np.isfinite(live[path]["frames/temperature_c"])))
                self.assertGreater(np.count_nonzero(live[path]["frames/flags"] & 1), 0)  # gaps
                self.assertTrue(np.all(np.isfinite(live[path]["ecm/field/g2"][:3])))
                # The table of the recording has the temperatures of the analysis.
                np.testing.assert_array_equal(file["frames/sequence"][()], live[path]["frames/sequence"])
                np.testing.assert_array_equal(file["frames/temperature_c"][()], live[path]["frames/temperature_c"])
            for threads in (1, 2):
                self.assert_same(live[path], self.analyze(configuration, [path], "--threads", threads),
                                 f"analysis with {threads} threads")
        for speed in ("max", "1"):
            again = self.start_daemon(configuration.read_text().replace('"live"', '"again"'))
            done = run("glasswatch-replay", "--speed", speed, "--camera-endpoint", self.addresses.camera,
                       "--environment-endpoint", self.addresses.environment, *recordings)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.wait_recorded(again, 2)
            self.assertEqual(again.stop(), 0, again.errors())
            replayed = self.files("again")
            self.assertEqual(len(replayed), 2)
            for path, copy in zip(recordings, replayed):
                with h5py.File(copy) as file:
                    self.assert_same(live[path], datasets(file["results"]), f"replay at {speed}")
                copy.unlink()

    def test_frames_are_those_of_the_simulator(self):
        """Checksums of the truth, read by h5py through HDF5's own filters."""
        (self.folder / "live").mkdir()
        daemon = self.start_daemon(self.configuration('directory: "live" mode: ALWAYS', ""))
        simulator = self.simulate("--speed", "max", "--frames", 30, "--truth", self.folder / "truth.h5")
        self.assertEqual(simulator.wait(), 0, simulator.errors())
        self.wait_recorded(daemon, 1)
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        (path,) = self.files("live")
        with h5py.File(path) as file, h5py.File(self.folder / "truth.h5") as truth:
            (experiment,) = file["Experiments"].values()
            frames = experiment["data"][()]
            self.assertEqual(len(frames), 30)
            self.assertEqual([zlib.adler32(frame.tobytes()) for frame in frames], list(truth["frames/checksum"]))
            self.assertLess(np.abs(file["frames/temperature_c"][()] - truth["frames/temperature_c"][()]).max(), 3)

    def test_killed_daemon_leaves_all_but_the_last_flush(self):
        """kill -9 at random moments: the file opens after a repair, and no frame in it is altered."""
        (self.folder / "live").mkdir()
        random = np.random.default_rng(1)
        lost = []
        for turn in range(3):
            daemon = self.start_daemon(self.configuration('directory: "live" mode: ALWAYS flush_s: 0.1', ""))
            simulator = self.simulate("--speed", "1", "--frames", 40, "--truth", self.folder / "truth.h5")
            wanted = int(random.integers(8, 30))
            status = self.wait_status(lambda s: int(s["recording"].get("frames", 0)) >= wanted, daemon)
            written = int(status["recording"]["frames"])
            daemon.kill()
            simulator.stop()
            (path,) = self.files("live")
            done = run("glasswatch", "repair", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            with h5py.File(path) as file, h5py.File(self.folder / "truth.h5") as truth:
                (experiment,) = file["Experiments"].values()
                frames = experiment["data"][()]
                planted = list(truth["frames/checksum"])
                self.assertEqual([zlib.adler32(frame.tobytes()) for frame in frames], planted[:len(frames)])
                lost.append(written - len(frames))
            self.assertLessEqual(lost[-1], 10)  # a second of frames
            for file in (self.folder / "live").iterdir():
                file.unlink()

    def test_full_disk_stops_the_recording_and_nothing_else(self):
        """A small file system that somebody else fills while a series is recorded."""
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("a small file system cannot be mounted here: " + mounted.stderr.decode().strip())
        self.addCleanup(lambda: subprocess.run(["umount", "-l", disk], check=False))
        daemon = self.start_daemon(self.configuration(
            'directory: "disk" mode: ALWAYS reserve_mib: 16 min_duration_s: 0 flush_s: 0.05', ""))
        simulator = self.simulate("--speed", 10, "--frames", 500)
        self.wait_status(lambda s: s["recording"]["state"] == "RECORDING" and int(s["recording"]["frames"]) > 20, daemon)
        with self.assertRaises(OSError), (disk / "other").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(1 << 20))
        status = self.wait_status(lambda s: s["recording"]["state"] == "FAILED", daemon)
        self.assertIn("free", status["recording"]["error"])
        self.wait_status(lambda s: int(s["processed"]) == 500, daemon)
        self.assertEqual(simulator.wait(), 0)
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        self.assertIn("the analysis goes on", daemon.errors())
        (disk / "other").unlink()
        (path,) = self.files("disk")
        done = run("glasswatch", "repair", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(path) as file:
            self.assertGreater(len(file["frames/sequence"]), 20)

    def test_a_trigger_keeps_the_frames_around_it(self):
        """Complete and in order: what waited in memory, and what followed."""
        (self.folder / "live").mkdir()
        rule = 'trigger { name: "hot" quantity: TEMPERATURE_C threshold: 320 confirm_frames: 3 cooldown_s: 1000 }\n'
        daemon = self.start_daemon(self.configuration('directory: "live" mode: ON_TRIGGER before_s: 1 after_s: 1',
                                                      rule + "temperature { wait_s: 0.5 }\n"))
        monitor = self.start_monitor()
        simulator = self.simulate("--speed", 1, "--frames", 50, "--truth", self.folder / "truth.h5")
        event = int(monitor.wait_message("trigger", what="trigger event")["sequence"])
        self.assertEqual(simulator.wait(), 0, simulator.errors())
        self.wait_recorded(daemon, 1)
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        (path,) = self.files("live")
        with h5py.File(path) as file, h5py.File(self.folder / "truth.h5") as truth:
            sequence = file["frames/sequence"][()]
            (experiment,) = file["Experiments"].values()
            found = [zlib.adler32(frame.tobytes()) for frame in experiment["data"]]
            self.assertEqual(found, list(truth["frames/checksum"][sequence]))
            np.testing.assert_array_equal(sequence, np.arange(sequence[0], sequence[-1] + 1))
            self.assertLessEqual(sequence[0], event - 9)
            self.assertEqual(sequence[-1], event + 10)
            self.assertEqual(file["results/frames/sequence"][-1], event + 10)

    def test_a_read_only_directory_is_refused_at_the_start(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("a read-only file system cannot be mounted here: " + mounted.stderr.decode().strip())
        self.addCleanup(lambda: subprocess.run(["umount", "-l", disk], check=False))
        done = run("glasswatchd", "--config", self.write("daemon.textproto",
                                                        self.configuration('directory: "disk" mode: ALWAYS')))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("recording.directory", done.stderr)
        self.assertIn("Read-only file system", done.stderr)

    def test_a_limit_on_file_size_is_told_at_the_start(self):
        """What a quota or an old file system does, as far as the first look at the disk shows it."""
        (self.folder / "live").mkdir()
        config = self.write("daemon.textproto", self.configuration('directory: "live" mode: ALWAYS flush_s: 0.05', ""))
        limited = subprocess.Popen(["/bin/sh", "-c", 'ulimit -f 20000; trap "" XFSZ; exec "$0" "$@"',
                                    BIN / "glasswatchd", "--config", config], stderr=subprocess.PIPE, text=True)
        self.addCleanup(limited.kill)
        _, errors = limited.communicate(timeout=PATIENCE_S)
        # 20,000 blocks of 512 or 1024 bytes: not even the first test of the disk fits.
        self.assertEqual(limited.returncode, 2, errors)
        self.assertIn("recording.directory", errors)
        self.assertIn("File too large", errors)

    def test_record_without_section_is_refused(self):
        self.start_daemon(self.addresses.configuration())
        done = self.command("record", "start")
        self.assertEqual(done.returncode, 4)
        self.assertIn("recording { directory", done.stderr)


if __name__ == "__main__":
    main()
