"""Recorded files through the programs: told about, converted, repaired, and analysed again after an interruption. The truth
is what the test wrote, read back by NumPy, h5py and tifffile."""
import json
import os
import pty
import resource
import signal
import struct
import subprocess
import time
import unittest

import h5py
import numpy as np
import tifffile

from processes import BIN, PATIENCE_S, SHARED, SystemTest, main, run

START = "2023-05-12T09:00:00Z"
START_NS = 1_683_882_000_000_000_000
LOG = """Time, Notes, Channel A Temperature
0, Date (yyyy.mm.dd) = 2023.05.12, 50
0, Time (hh:mm:ss.ms) = 09:00:00.000, 50
0, Time units = Milliseconds, 50
0, Temperature units = Degrees C, 50
"""
ANALYSIS = f"""
acquisition {{ frame_period_s: 0.5 exposure_s: 0.4 start_utc: "{START}" }}
calibration {{ center_row_px: 15.5 center_col_px: 15.5 }}
symmetry {{ r_min_px: 4 r_max_px: 12 radial_bins: 8 azimuthal_bins: 60 }}
"""
TIMES = ("--frame-period-s", 0.5, "--exposure-s", 0.4, "--start-utc", START)


def datasets(path):
    """Every dataset and attribute of a result file, by name."""
    found = {}
    with h5py.File(path) as file:
        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = (item.dtype.str, item.shape, item[()].tobytes())
            found.update({f"{name}@{key}": str(value) for key, value in item.attrs.items()})
        file.visititems(visit)
        found.update({f"@{key}": str(value) for key, value in file.attrs.items()})
    return found


def read_mrc(path):
    """Header fields and sections, top row first (CCP-EM MRC2014)."""
    data = path.read_bytes()
    columns, rows, sections, mode = struct.unpack_from("<4i", data)
    extended = struct.unpack_from("<i", data, 92)[0]
    dtype = {0: "<i1", 1: "<i2", 2: "<f4", 6: "<u2"}[mode]
    return np.frombuffer(data, dtype, offset=1024 + extended).reshape(sections, rows, columns)[:, ::-1]


class Files(SystemTest):
    def stack(self, name, frames=12, seed=1, shape=(32, 32), dtype=np.uint16):
        pixels = np.random.default_rng(seed).poisson(100, (frames, *shape)).astype(dtype)
        np.save(self.folder / name, pixels)
        return self.folder / name, pixels

    def log(self, samples=200):
        """A ramp of 1 K/s in steps of 0.1 s."""
        rows = "".join(f"{100 * i}, , {50 + 0.1 * i:.4f}\n" for i in range(samples))
        return self.write("holder.csv", LOG + rows)

    def convert(self, *arguments):
        done = run("glasswatch", "convert", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def info(self, *files):
        done = run("glasswatch", "info", "--json", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def assert_refused(self, done, code, *words):
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(str(word), done.stderr)

    def analyze(self, output, *arguments, configuration=ANALYSIS):
        return ("glasswatch-analyze", "--config", self.write("a.textproto", configuration), "--output",
                self.folder / output, *arguments)

    # --- info

    def test_info_of_stack_and_log(self):
        path, _ = self.stack("stack.npy", dtype=np.int16)
        stack, log = self.info(path, self.log())
        self.assertEqual((stack["format"], stack["frames"], stack["rows"], stack["columns"], stack["pixel_type"]),
                         ("NumPy .npy", 12, 32, 32, "i2"))
        self.assertIsNone(stack["start_utc"])
        self.assertEqual((log["format"], log["samples"]), ("Protochips CSV", 204))  # four rows of notes
        self.assertAlmostEqual(log["temperature_min_c"], 50)
        self.assertAlmostEqual(log["temperature_max_c"], 69.9)
        self.assertEqual((log["start_utc"], log["end_utc"]), ("2023-05-12T09:00:00.000Z", "2023-05-12T09:00:19.900Z"))
        text = run("glasswatch", "info", path).stdout
        self.assertRegex(text, r"(?m)^frames +12 frames of 32 x 32 pixels, i2$")

    def test_info_goes_on_after_a_bad_file(self):
        path, _ = self.stack("stack.npy")
        nonsense = self.write("nonsense.bin", "nothing that anybody knows")
        done = run("glasswatch", "info", nonsense, path, self.folder / "missing")
        self.assertEqual(done.returncode, 3)
        self.assertIn("12 frames", done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 2)
        self.assertIn("nonsense.bin", done.stderr)
        self.assertIn("missing", done.stderr)

    @unittest.skipUnless(SHARED.is_dir() if str(SHARED) else False, "the folder of real instrument files is not here")
    def test_info_of_real_files(self):
        folder = SHARED / "instrument"
        emd, log = self.info(folder / "velox8_ceta_stack_metadata.emd", folder / "protochips_thermal.csv")
        self.assertEqual((emd["format"], emd["camera"], emd["high_tension_kv"]), ("Velox .emd", "BM-Ceta", 300))
        self.assertAlmostEqual(emd["frame_period_measured_s"], 0.8, delta=0.01)
        self.assertEqual((log["temperature_min_c"], log["temperature_max_c"]), (25, 120))

    # --- convert

    def test_a_stack_with_its_log_becomes_a_recording_and_comes_back(self):
        path, pixels = self.stack("stack.npy")
        recording = self.folder / "film.hspy"
        self.convert(path, recording, *TIMES, "--environment", self.log())
        with h5py.File(recording) as file:
            np.testing.assert_array_equal(file["Experiments/stack/data"][()], pixels)
            expected = START_NS + 500_000_000 * np.arange(12)
            np.testing.assert_array_equal(file["frames/time_utc_ns"][()], expected)
            np.testing.assert_array_equal(file["frames/exposure_end_utc_ns"][()], expected + 400_000_000)
            self.assertEqual(file["environment/temperature_c"].shape, (204,))
            self.assertAlmostEqual(file["environment/temperature_c"][-1], 69.9)
        facts, = self.info(recording)
        self.assertEqual((facts["format"], facts["frames"], facts["needs_repair"]), ("Glasswatch recording", 12, False))
        self.assertEqual((facts["environment_samples"], facts["frames_missing"], facts["trigger_events"]), (204, 0, 0))
        self.assertAlmostEqual(facts["environment_temperature_max_c"], 69.9)
        self.assertAlmostEqual(facts["frame_period_measured_s"], 0.5)
        self.assertEqual(facts["start_utc"], "2023-05-12T09:00:00.000Z")

        done = self.convert(recording, self.folder / "film.mrc")
        self.assertRegex(done.stderr, "not kept in .mrc: .*temperatures")
        np.testing.assert_array_equal(read_mrc(self.folder / "film.mrc"), pixels)
        self.convert(recording, self.folder / "film.tif")
        np.testing.assert_array_equal(tifffile.imread(self.folder / "film.tif"), pixels)
        again = self.folder / "again.hspy"
        self.convert(self.folder / "film.tif", again)
        copy = self.folder / "copy.hspy"
        self.convert(recording, copy)
        for other in (again, copy):
            with h5py.File(other) as file, h5py.File(recording) as first:
                np.testing.assert_array_equal(file["entry/data/data"][()], pixels)
                if other is copy:
                    for table in ("frames", "environment"):
                        for name in first[table]:
                            np.testing.assert_array_equal(file[table][name][()], first[table][name][()], name)

    def test_inputs_follow_each_other(self):
        (first, one), (second, two) = self.stack("one.npy"), self.stack("two.npy", frames=3, seed=2)
        self.convert(first, second, self.folder / "both.hspy", *TIMES)
        with h5py.File(self.folder / "both.hspy") as file:
            np.testing.assert_array_equal(file["entry/data/data"][()], np.concatenate([one, two]))
            np.testing.assert_array_equal(file["frames/sequence"][()], np.arange(15))
            np.testing.assert_array_equal(np.diff(file["frames/time_utc_ns"][()]), 500_000_000)
        other, _ = self.stack("other.npy", shape=(32, 33))
        self.assert_refused(run("glasswatch", "convert", first, other, self.folder / "x.tif"), 3, other, "32 x 33")
        self.assertFalse((self.folder / "x.tif").exists())

    def test_what_convert_refuses(self):
        path, _ = self.stack("stack.npy")
        output = self.write("there.tif", "precious")
        self.assert_refused(run("glasswatch", "convert", path, output), 2, output, "--force")
        self.assertEqual(output.read_text(), "precious")
        self.assert_refused(run("glasswatch", "convert", path, self.folder / "x.png"), 2, ".png", ".hspy")
        self.assert_refused(run("glasswatch", "convert", path, path, "--force"), 2)
        self.assert_refused(run("glasswatch", "convert", path), 2)
        self.assert_refused(run("glasswatch", "convert", path, self.folder / "x.mrc", "--environment", self.log()), 2,
                            "--environment")
        self.assert_refused(run("glasswatch", "convert", path, self.folder / "x.hspy", "--start-utc", "noon"), 2, "noon")
        wide, _ = self.stack("wide.npy", dtype=np.int32)
        self.assert_refused(run("glasswatch", "convert", wide, self.folder / "x.mrc"), 2, "i4")
        self.assert_refused(run("glasswatch", "convert", path, "/nowhere/x.hspy"), 4, "/nowhere/x.hspy")
        self.convert(path, output, "--force")
        self.assertEqual(tifffile.imread(output).shape, (12, 32, 32))
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("x.")], [])

    def test_an_interrupted_conversion_leaves_nothing(self):
        path = self.sparse("large.npy", frames=20_000, edge=256)
        for name in ("large.hspy", "large.tif"):
            process = self.start("glasswatch", "convert", path, self.folder / name)
            deadline = time.monotonic() + PATIENCE_S
            while not (self.folder / f"{name}.partial").exists():
                self.assertLess(time.monotonic(), deadline, process.errors())
            self.assertEqual(process.stop(), 4, process.errors())
            self.assertIn("interrupted", process.errors())
            self.assertEqual([left for left in os.listdir(self.folder) if left.startswith(name)], [])

    # --- repair

    def test_a_cut_recording_is_repaired(self):
        path, pixels = self.stack("stack.npy", frames=40)
        whole, cut = self.folder / "whole.hspy", self.folder / "cut.hspy"
        self.convert(path, whole, *TIMES)
        data = whole.read_bytes()
        cut.write_bytes(data[:len(data) * 2 // 3])
        self.assert_refused(run("glasswatch", "info", cut), 3, "glasswatch repair")
        done = run("glasswatch", "repair", whole, cut, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        sound, rebuilt = map(json.loads, done.stdout.splitlines())
        self.assertEqual((sound["outcome"], sound["frames"]), ("sound", 40))
        self.assertEqual(rebuilt["outcome"], "rebuilt")
        self.assertEqual(whole.read_bytes(), data)
        with h5py.File(cut) as file:
            frames = file["entry/data/data"][()]
        self.assertEqual(len(frames), rebuilt["frames"])
        self.assertGreater(len(frames), 5)
        np.testing.assert_array_equal(frames, pixels[:len(frames)])
        self.assertEqual(self.info(cut)[0]["needs_repair"], False)
        done = run("glasswatch", "repair", cut)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 1))
        done = run("glasswatch", "repair", path, whole, self.folder / "missing.hspy")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (3, 1))
        self.assertEqual(len(done.stderr.splitlines()), 2)

    # --- analyze

    def test_a_recording_and_what_it_was_made_from_give_the_same_results(self):
        path, _ = self.stack("stack.npy")
        log = self.log()
        self.convert(path, self.folder / "film.hspy", *TIMES, "--environment", log)
        for output, inputs in (("stack.h5", (path, "--environment", log)), ("film.h5", (self.folder / "film.hspy",)),
                               ("both.h5", (path, "--environment", self.folder / "film.hspy"))):
            done = run(*self.analyze(output, *inputs))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("12 frames of 1 series analysed, 0 without a valid temperature", done.stdout)
        expected, other, third = (datasets(self.folder / name) for name in ("stack.h5", "film.h5", "both.h5"))
        series = h5py.File(self.folder / "film.h5")["frames/series_id"][0]
        self.assertEqual(str(series), self.info(self.folder / "film.hspy")[0]["series_id"])
        for results in (expected, other, third):
            del results["frames/series_id"]
        self.assertEqual(expected, other)
        self.assertEqual(expected, third)
        temperature = h5py.File(self.folder / "stack.h5")["frames/temperature_c"][()]
        np.testing.assert_allclose(temperature, 50.2 + 0.5 * np.arange(12), atol=1e-9)  # mean over 0.4 s at 1 K/s

    def slow_inputs(self):
        """Three series of which each takes a while, with all that a file holds beside frames."""
        inputs = [self.stack(f"s{i}.npy", frames=300, seed=i)[0] for i in range(3)]
        scan = self.folder / "scan.npy"
        np.save(scan, np.random.default_rng(9).poisson(100, (5, 6, 32, 32)).astype(np.uint16))
        return [inputs[0], scan, *inputs[1:], "--environment", self.log()]

    SLOW = ANALYSIS + """
ecm { max_lag_s: 20 fit_pixels: true }
tiles { tile_px: 16 pixel_nm: 0.1 k_min_inv_nm: 1 k_max_inv_nm: 4 every_frames: 7 }
trigger { name: "bright" quantity: MEAN_COUNTS threshold: 100 require_temperature: false }
"""

    def test_a_killed_run_is_continued_to_the_bit(self):
        arguments = self.analyze("o.h5", *self.slow_inputs(), configuration=self.SLOW)
        begun = time.monotonic()
        whole = run(*arguments)
        took_s = time.monotonic() - begun
        self.assertEqual(whole.returncode, 0, whole.stderr)
        expected = datasets(self.folder / "o.h5")
        generator = np.random.default_rng(5)
        for kill in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
            os.remove(self.folder / "o.h5")
            for _ in range(2):
                process = subprocess.Popen([BIN / arguments[0], *map(str, arguments[1:]), "--resume"],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                try:
                    process.communicate(timeout=took_s * generator.uniform(0.2, 0.8))
                except subprocess.TimeoutExpired:
                    process.send_signal(kill)
                    _, errors = process.communicate(timeout=PATIENCE_S)
                    if kill == signal.SIGTERM and process.returncode != 0:
                        self.assertEqual(process.returncode, 4, errors)
                        self.assertIn("interrupted", errors)
                        self.assertTrue((self.folder / "o.h5.partial").exists())
            done = run(*arguments, "--resume")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, whole.stdout)
            self.assertEqual(datasets(self.folder / "o.h5"), expected)
            self.assertEqual(sorted(name for name in os.listdir(self.folder) if name.startswith("o.h5")), ["o.h5"])

    def interrupt_in_the_second_series(self, arguments):
        """When the first one is in the log of the run, whose last record (length 0, checksum, kind 3) then is its end."""
        log = self.folder / "o.h5.resume"
        process = subprocess.Popen([BIN / arguments[0], *map(str, arguments[1:])], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + PATIENCE_S
        while not log.exists() or (tail := log.read_bytes()[-9:])[:4] != bytes(4) or tail[8] != 3:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 4, errors)
        return errors

    def test_what_changed_is_not_continued(self):
        first, second = self.stack("a.npy", frames=400)[0], self.sparse("b.npy", frames=200_000, edge=32)
        arguments = self.analyze("o.h5", first, second)
        errors = self.interrupt_in_the_second_series(arguments)
        self.assertIn("series 2 of 2", errors)
        self.assertIn("--resume continues", errors)
        with h5py.File(self.folder / "o.h5.partial") as file:
            self.assertEqual(file.attrs["incomplete"], "interrupted")
            self.assertGreaterEqual(len(file["frames/sequence"]), 400)
            self.assertEqual(file["symmetry/radius_px"].shape, (8,))
        kept = (self.folder / "o.h5.resume").read_bytes()
        partial = (self.folder / "o.h5.partial").stat().st_mtime_ns
        changed = ANALYSIS.replace("radial_bins: 8", "radial_bins: 9")
        self.assert_refused(run(*self.analyze("o.h5", first, second, configuration=changed), "--resume"), 2,
                            "configuration", "--resume")
        self.assert_refused(run(*self.analyze("o.h5", second, first), "--resume"), 2, first, second)
        self.assert_refused(run(*self.analyze("o.h5", first, second, "--repeat", 2), "--resume"), 2, "repeat")
        os.utime(first)
        self.assert_refused(run(*self.analyze("o.h5", first, second), "--resume"), 2, first)
        self.assertEqual((self.folder / "o.h5.resume").read_bytes(), kept)
        self.assertEqual((self.folder / "o.h5.partial").stat().st_mtime_ns, partial)
        done = run(*self.analyze("o.h5", first, self.stack("c.npy")[0]))  # anew, and said
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("overwritten", done.stderr)

    def test_progress_is_a_bar_on_a_terminal_and_nothing_elsewhere(self):
        arguments = self.analyze("o.h5", self.sparse("large.npy", frames=30_000, edge=32))
        self.assertEqual(run(*arguments).stderr, "")
        leader, follower = pty.openpty()
        done = subprocess.Popen([BIN / arguments[0], *map(str, arguments[1:])], stdout=subprocess.PIPE, stderr=follower)
        os.close(follower)
        shown = b""
        try:
            while chunk := os.read(leader, 4096):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        self.assertIn(b"30000 frames of 1 series analysed", done.communicate(timeout=PATIENCE_S)[0])
        self.assertEqual(done.returncode, 0)
        self.assertRegex(shown.decode(), r"\[#+ *\] \d+ of 30000 frames, \d+ %, \d+ frames/s, \d+:\d\d left")
        self.assertTrue(shown.endswith(b"\r\033[K"), "the bar is taken away")

    # --- memory

    def sparse(self, name, frames, edge):
        """A stack of zeros that takes no room on the disk."""
        path = self.folder / name
        header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({frames}, {edge}, {edge}), }}"
        with open(path, "wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117).encode() + b"\n")
            file.truncate(128 + frames * edge * edge * 2)
        return path

    def test_memory_does_not_grow_with_the_stack(self):
        path = self.sparse("gigabyte.npy", frames=512, edge=1024)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        for arguments in (("glasswatch", "info", path), ("glasswatch", "convert", path, self.folder / "g.hspy"),
                          self.analyze("o.h5", path, "--threads", 1)):
            done = run(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
        peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        self.assertLess(peak, 700 * 1024)  # KiB, of 1 GiB; sanitizers take their own


if __name__ == "__main__":
    main()
