"""Recordings as others see them: h5py, HyperSpy, and h5py while the file grows.

The file is made by build/.../write_recording (GLASSWATCH_TESTS_BIN names its folder); what must be in it follows from the
formulas in its head, repeated here.
"""
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
import warnings

import h5py
import numpy as np

PROGRAM = os.path.join(os.environ.get("GLASSWATCH_TESTS_BIN", "build/dev/bin"), "write_recording")
EXPERIMENT = "Experiments/Cu60Zr40 0.5 K-s µ-π"
START_NS = 1683882001500000000
TYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")


def pixels(count, dtype="i2"):
    frame, row, column = np.meshgrid(np.arange(count), np.arange(5), np.arange(7), indexing="ij")
    values = (7919 * frame + 31 * row + 17 * column) % 251
    return values.astype("u1").view("i1") if dtype == "i1" else values.astype(dtype)


def temperatures(count):
    values = 100.0 + np.arange(count)
    values[4::5] = np.nan
    return values


class Writer:
    """The program, one command at a time. Leaving it kills it."""

    def __init__(self, path, dtype="i2", effort="compact"):
        self.process = subprocess.Popen([PROGRAM, path, dtype, effort], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.frames()  # the file is there

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def send(self, command):
        self.process.stdin.write(command + "\n")

    def frames(self):
        answer = self.process.stdout.readline().split()
        assert answer and answer[0] == "ok", answer
        return int(answer[1])

    def do(self, command):
        self.send(command)
        return self.frames()


class RecordedFileFormatTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="glasswatch-recorded-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "series.hspy")

    def write(self, count, dtype="i2", effort="compact"):
        with Writer(self.path, dtype, effort) as writer:
            writer.do(f"frames {count - 2}")
            writer.do("flush")
            writer.do("frames 2")
            writer.do("close")
            writer.process.stdin.close()
            self.assertEqual(writer.process.wait(), 0)

    def test_every_pixel_type_and_effort_is_read_by_the_usual_filters(self):
        for dtype in TYPES:
            for effort in ("compact", "fast", "stored"):
                with self.subTest(dtype=dtype, effort=effort):
                    self.write(4, dtype, effort)
                    with h5py.File(self.path, "r") as file:
                        data = file[EXPERIMENT + "/data"]
                        self.assertEqual(data.dtype, np.dtype(dtype))
                        self.assertEqual(data.chunks, (1, 5, 7))
                        self.assertEqual((data.compression, data.shuffle), ("gzip", True))
                        np.testing.assert_array_equal(data[:], pixels(4, dtype))
                    os.remove(self.path)

    def test_h5py_finds_everything_labelled(self):
        self.write(12)
        with h5py.File(self.path, "r") as file:
            self.assertEqual(file.attrs["format"], "glasswatch-recording")
            self.assertEqual(file.attrs["format_version"], 1)
            self.assertEqual(file.attrs["program_version"], "1.2.3")
            self.assertEqual(file.attrs["configuration"], "acquisition { exposure_s: 0.2 }")
            frames = {name: column[:] for name, column in file["frames"].items()}
            environment = {name: column[:] for name, column in file["environment"].items()}
            unlabelled = []
            file.visititems(lambda name, item: unlabelled.append(name) if isinstance(item, h5py.Dataset) and not (
                item.attrs.get("units") is not None and item.attrs.get("long_name")) else None)
            self.assertEqual(unlabelled, [])
            self.assertEqual(file["frames/temperature_c"].attrs["units"], "degC")
            self.assertEqual(file["frames"], file[EXPERIMENT + "/original_metadata/frames"])
        index = np.arange(12)
        self.assertTrue(all(len(column) == 12 for column in frames.values()))
        np.testing.assert_array_equal(frames["sequence"], index + 3)
        np.testing.assert_array_equal(frames["series_id"], np.full(12, 0x0123456789abcdef, "u8"))
        np.testing.assert_array_equal(frames["device_frame_id"], index + 1000)
        np.testing.assert_array_equal(frames["time_utc_ns"], START_NS + index * 250000000)
        np.testing.assert_array_equal(frames["exposure_end_utc_ns"], START_NS + index * 250000000 + 200000000)
        np.testing.assert_array_equal(frames["received_utc_ns"], START_NS + index * 250000000 + 200000002)
        np.testing.assert_allclose(frames["time_s"], index / 4, rtol=1e-12)
        np.testing.assert_allclose(frames["exposure_s"], 0.2, rtol=1e-12)
        np.testing.assert_array_equal(frames["temperature_c"], temperatures(12))
        np.testing.assert_array_equal(frames["temperature_sigma_c"], 0.4)
        np.testing.assert_array_equal(frames["temperature_status"] == 1, np.isfinite(temperatures(12)))
        np.testing.assert_array_equal(frames["flags"], np.where(index % 5 == 4, 64, 0) + (index == 0))
        np.testing.assert_allclose(frames["drift_row_nm"], 0.1 * index, rtol=1e-12)
        np.testing.assert_allclose(frames["drift_col_px"], -4.0 * index, rtol=1e-12)
        np.testing.assert_array_equal(frames["scan_row"], -1)
        np.testing.assert_array_equal(environment["temperature_c"], 99.5 + index)
        np.testing.assert_array_equal(environment["temperature_set_c"], 100)
        np.testing.assert_array_equal(environment["series_id"], 5)
        self.assertTrue(np.all(np.isnan(environment["focus_score"])))

    def test_nexus_default_leads_to_the_pixels_and_their_axes(self):
        self.write(3)
        with h5py.File(self.path, "r") as file:
            entry = file[file.attrs["default"]]
            self.assertEqual(entry.attrs["NX_class"], "NXentry")
            plot = entry[entry.attrs["default"]]
            self.assertEqual(plot.attrs["NX_class"], "NXdata")
            signal_data = plot[plot.attrs["signal"]]
            self.assertEqual(signal_data, file[EXPERIMENT + "/data"])
            for dimension, axis in enumerate(plot.attrs["axes"]):
                self.assertEqual(len(plot[axis]), signal_data.shape[dimension])
                self.assertEqual(plot.attrs[axis + "_indices"], dimension)
            np.testing.assert_allclose(plot["x"][:], 0.05 * np.arange(7), rtol=1e-12)
            self.assertEqual(plot["x"].attrs["units"], "nm")
            self.assertEqual(plot["time_s"].attrs["units"], "s")
            np.testing.assert_array_equal(plot["temperature_c"][:], temperatures(3))
            self.assertEqual(entry["start_time"].asstr()[()], "2023-05-12T09:00:01.500000Z")

    @unittest.skipUnless(importlib.util.find_spec("hyperspy"), "python3-hyperspy is not installed")
    def test_hyperspy_opens_it(self):
        warnings.simplefilter("ignore")
        import hyperspy.api as hs  # slow, so only here
        self.write(12)
        for lazy in (False, True):
            series = hs.load(self.path, lazy=lazy)
            self.assertEqual(type(series).__name__, "LazySignal2D" if lazy else "Signal2D")
            np.testing.assert_array_equal(np.asarray(series.data), pixels(12))
            axes = series.axes_manager._axes
            self.assertEqual([(a.name, a.units, a.size, a.navigate) for a in axes],
                             [("time", "s", 12, True), ("y", "nm", 5, False), ("x", "nm", 7, False)])
            np.testing.assert_allclose([a.scale for a in axes], [0.25, 0.05, 0.05], rtol=1e-12)
            general = series.metadata.General
            self.assertEqual((general.title, general.date, general.time, general.time_zone),
                             ("Cu60Zr40 0.5 K/s µ/π", "2023-05-12", "09:00:01.500000", "UTC"))
            self.assertEqual(general.authors, "A. Operator")
            tem = series.metadata.Acquisition_instrument.TEM
            self.assertEqual((tem.beam_energy, tem.camera_length, tem.magnification, tem.microscope),
                             (300, 115, 185000, "Themis Z"))
            self.assertEqual((tem.Detector.Camera.exposure, tem.Detector.Camera.name), (0.2, "BM-Ceta"))
            self.assertEqual((tem.Stage.x, tem.Stage.tilt_alpha), (-0.1255, 1.25))
            found = series.original_metadata.frames.temperature_c
            np.testing.assert_array_equal(np.asarray(found), temperatures(12))
            if lazy:
                series.close_file()

    @unittest.skipUnless(importlib.util.find_spec("hyperspy"), "python3-hyperspy is not installed")
    def test_hyperspy_opens_it_while_it_grows(self):
        warnings.simplefilter("ignore")
        import hyperspy.api as hs
        with Writer(self.path) as writer:
            writer.do("frames 6")
            writer.do("flush")
            writer.do("frames 2")
            series = hs.load(self.path, swmr=True)
            np.testing.assert_array_equal(series.data, pixels(6))
            self.assertEqual(series.axes_manager._axes[0].size, 6)

    def test_readers_see_what_was_flushed_while_it_grows(self):
        with Writer(self.path) as writer:
            with h5py.File(self.path, "r", swmr=True) as file:
                data, row = file["entry/data/data"], file["frames/temperature_c"]
                self.assertEqual(data.shape[0], 0)
                for step in range(1, 6):
                    writer.do("frames 300")
                    writer.do("flush")
                    data.refresh()
                    row.refresh()
                    self.assertEqual(data.shape[0], 300 * step)
                    np.testing.assert_array_equal(data[:], pixels(300 * step))
                    np.testing.assert_array_equal(row[:], temperatures(300 * step))
            self.assertEqual(writer.do("close"), 1500)
        with h5py.File(self.path, "r") as file:
            np.testing.assert_array_equal(file["entry/data/data"][:], pixels(1500))

    def test_who_opens_a_growing_file_finds_what_was_flushed(self):
        with Writer(self.path) as writer:
            for count in (0, 5, 2000):
                writer.do(f"frames {count - writer.do('flush')}")
                writer.do("flush")
                with h5py.File(self.path, "r", swmr=True) as file:
                    np.testing.assert_array_equal(file["entry/data/data"][:], pixels(count))
                    self.assertEqual(file[EXPERIMENT + "/axis-0"].attrs["size"], count)
                with self.assertRaises(OSError):  # who would not follow its growth is told so
                    h5py.File(self.path, "r")

    def test_readers_never_see_a_frame_before_its_pixels_and_its_row(self):
        truth = pixels(4000)
        with Writer(self.path) as writer:
            for _ in range(100):
                writer.send("frames 40")
                writer.send("flush")
            seen = set()
            with h5py.File(self.path, "r", swmr=True) as file:
                data, row, journal = file["entry/data/data"], file["frames/sequence"], file["journal"]
                while data.shape[0] < 4000:
                    before = data.shape[0]
                    for dataset in (data, row, journal):
                        dataset.refresh()
                    count = data.shape[0]
                    self.assertGreaterEqual(row.shape[0], count)
                    self.assertGreaterEqual(journal.shape[0], count / 40)
                    np.testing.assert_array_equal(data[before:count], truth[before:count])
                    np.testing.assert_array_equal(row[before:count], np.arange(before, count) + 3)
                    seen.add(count)
            self.assertGreater(len(seen), 1)

    @unittest.skipUnless(shutil.which("h5dump"), "h5dump (hdf5-tools) is not installed")
    def test_h5dump_reads_it(self):
        self.write(3)
        dump = subprocess.run(["h5dump", "-H", self.path], capture_output=True, text=True, check=False)
        self.assertEqual(dump.returncode, 0, dump.stderr)
        self.assertIn('DATASET "temperature_c"', dump.stdout)


if __name__ == "__main__":
    unittest.main()
