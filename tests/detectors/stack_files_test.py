"""MRC and TIFF against independent programs: tifffile, and NumPy with the published layout of MRC headers.

GLASSWATCH_STACK_FILES is the program built from stack_files_program.cc.
"""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import tifffile

PROGRAM = os.environ["GLASSWATCH_STACK_FILES"]
TYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")
START_UTC_NS = 1_683_882_000_250_000_000

# The 56 words of https://www.ccpem.ac.uk/mrc_format/mrc2014.php, then the labels.
MRC_HEADER = np.dtype([
    ("n", "<i4", 3), ("mode", "<i4"), ("nstart", "<i4", 3), ("m", "<i4", 3), ("cell", "<f4", 3), ("angles", "<f4", 3),
    ("map", "<i4", 3), ("dmin", "<f4"), ("dmax", "<f4"), ("dmean", "<f4"), ("ispg", "<i4"), ("nsymbt", "<i4"),
    ("extra1", "V8"), ("exttyp", "S4"), ("nversion", "<i4"), ("extra2", "V84"), ("origin", "<f4", 3), ("word", "S4"),
    ("machst", "u1", 4), ("rms", "<f4"), ("nlabl", "<i4"), ("label", "S80", 10)])
MRC_MODES = {"i1": 0, "i2": 1, "f4": 2, "u2": 6}


def some_frames(dtype, shape=(5, 7, 11)):
    """Values over the whole range of the type, from a fixed seed."""
    random = np.random.default_rng(6)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return random.normal(0, 1e4, shape).astype(kind)
    limits = np.iinfo(kind)
    return random.integers(limits.min, limits.max, shape, kind, endpoint=True)


def mrc_bytes(frames, order="<", extended=b"", exttyp=b"", pixel_angstrom=2.5):
    """A stack by the published layout: bottom row first."""
    header = np.zeros(1, MRC_HEADER.newbyteorder(order))
    sections, rows, columns = frames.shape
    header["n"] = header["m"] = columns, rows, sections
    header["m"][0, 2] = 1
    header["mode"] = MRC_MODES[frames.dtype.str[1:]]
    header["cell"] = columns * pixel_angstrom, rows * pixel_angstrom, pixel_angstrom
    header["angles"] = 90
    header["map"] = 1, 2, 3
    header["nsymbt"], header["exttyp"], header["nversion"] = len(extended), exttyp, 20140
    header["word"] = b"MAP "
    header["machst"] = (0x44, 0x44, 0, 0) if order == "<" else (0x11, 0x11, 0, 0)
    return header.tobytes() + extended + frames[:, ::-1].astype(frames.dtype.newbyteorder(order)).tobytes()


class StackFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_program(self, *words):
        return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=60)

    def read(self, form, path):
        pixels = self.folder / "pixels"
        done = self.run_program("read", form, path, pixels)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "", "libtiff must not write to the terminal")
        facts = json.loads(done.stdout)
        return facts, np.fromfile(pixels, facts["type"]).reshape(facts["frames"], facts["rows"], facts["columns"])

    def write(self, form, path, frames, pixel_size=0.25, unit="nm", period_s=0.5):
        pixels = self.folder / "source"
        frames.tofile(pixels)
        return self.run_program("write", form, path, pixels, frames.dtype.str[1:], *frames.shape, pixel_size, unit,
                                period_s)

    def check_read(self, frames, **save):
        path = self.folder / "in.tif"
        with tifffile.TiffWriter(path, **{key: save.pop(key) for key in ("bigtiff", "byteorder", "imagej")
                                          if key in save}) as file:
            file.write(frames, **save)
        facts, pixels = self.read("tiff", path)
        np.testing.assert_array_equal(pixels, frames)
        self.assertEqual(facts["type"], frames.dtype.str[1:])
        return facts

    def test_reads_what_tifffile_writes(self):
        for dtype in TYPES:
            for order in "<>":
                for bigtiff in (False, True):
                    with self.subTest(dtype=dtype, order=order, bigtiff=bigtiff):
                        self.check_read(some_frames(dtype), bigtiff=bigtiff, byteorder=order, photometric="minisblack")

    def test_reads_strips_tiles_and_deflate(self):
        frames = some_frames("i2", (3, 70, 45))
        for options in ({"rowsperstrip": 9}, {"tile": (32, 16)}, {"compression": "zlib"},
                        {"compression": "zlib", "tile": (16, 64)}, {"compression": "zlib", "rowsperstrip": 4}):
            with self.subTest(**options):
                self.check_read(frames, photometric="minisblack", **options)

    def test_reads_imagej_hyperstacks(self):
        """tifffile writes one page and all frames behind it, as ImageJ does; big-endian is ImageJ's own order."""
        for dtype in ("u1", "u2", "f4"):
            for order in "<>":
                with self.subTest(dtype=dtype, order=order):
                    facts = self.check_read(some_frames(dtype), imagej=True, byteorder=order, resolution=(4000, 4000),
                                            metadata={"unit": "um", "finterval": 0.125, "axes": "TYX"})
                    self.assertAlmostEqual(facts["pixel_size"], 0.25, 6)
                    self.assertEqual(facts["pixel_unit"], "nm")
                    self.assertEqual(facts["period_s"], 0.125)

    def test_refuses_colours(self):
        path = self.folder / "rgb.tif"
        tifffile.imwrite(path, np.zeros((4, 5, 3), "u1"), photometric="rgb")
        done = self.run_program("read", "tiff", path, self.folder / "pixels")
        self.assertEqual(done.returncode, 3)
        self.assertIn("3 values per pixel", done.stderr)

    def test_tifffile_reads_what_is_written(self):
        for dtype in TYPES:
            for count in (1, 2, 5):
                with self.subTest(dtype=dtype, count=count):
                    frames = some_frames(dtype, (count, 6, 9))
                    path = self.folder / "out.tif"
                    done = self.write("tiff", path, frames, 0.0125, "1/nm")
                    self.assertEqual(done.returncode, 0, done.stderr)
                    np.testing.assert_array_equal(tifffile.imread(path).reshape(frames.shape), frames)
                    self.check_tags(path, frames)

    def check_tags(self, path, frames):
        with tifffile.TiffFile(path) as file:
            self.assertTrue(file.is_imagej)
            self.assertEqual(file.imagej_metadata["unit"], "1/nm")
            self.assertEqual(file.imagej_metadata["finterval"], 0.5)
            self.assertEqual(file.series[0].dtype, frames.dtype)
            self.assertEqual(len(file.pages), len(frames))
            for index, page in enumerate(file.pages):
                np.testing.assert_array_equal(page.asarray(), frames[index])
                counted, unit = page.tags["XResolution"].value
                self.assertAlmostEqual(counted / unit, 80, 6)
                lines = dict(line.split("=", 1) for line in page.description.splitlines())
                self.assertEqual(int(lines["exposure_start_utc_ns"]), START_UTC_NS + index * 10**9)
                self.assertEqual(int(lines["exposure_end_utc_ns"]), START_UTC_NS + index * 10**9 + 9 * 10**8)
                self.assertEqual(int(lines["sequence"]), index)
                self.assertEqual(page.tags["DateTime"].value, f"2023:05:12 09:00:0{index}")

    def test_reads_mrc_by_the_published_layout(self):
        for dtype in MRC_MODES:
            for order in "<>":
                for extended in (b"", b"x" * 333):
                    with self.subTest(dtype=dtype, order=order, extended=len(extended)):
                        frames = some_frames(dtype)
                        path = self.folder / "in.mrc"
                        path.write_bytes(mrc_bytes(frames, order, extended))
                        facts, pixels = self.read("mrc", path)
                        np.testing.assert_array_equal(pixels, frames)
                        self.assertAlmostEqual(facts["pixel_size"], 0.25, 6)

    def test_writes_mrc_by_the_published_layout(self):
        for dtype, mode in MRC_MODES.items():
            with self.subTest(dtype=dtype):
                frames = some_frames(dtype)
                path = self.folder / "out.mrc"
                done = self.write("mrc", path, frames)
                self.assertEqual(done.returncode, 0, done.stderr)
                header = np.fromfile(path, MRC_HEADER, 1)[0]
                self.assertEqual(header["n"].tolist(), [11, 7, 5])
                self.assertEqual((header["mode"], header["ispg"], header["nsymbt"]), (mode, 0, 0))
                self.assertEqual((header["m"].tolist(), header["map"].tolist()), ([11, 7, 1], [1, 2, 3]))
                np.testing.assert_allclose(header["cell"], [27.5, 17.5, 2.5])
                self.assertEqual((header["word"], header["machst"].tolist()), (b"MAP ", [0x44, 0x44, 0, 0]))
                values = frames.astype("f8")
                np.testing.assert_allclose([header["dmin"], header["dmax"], header["dmean"], header["rms"]],
                                           [values.min(), values.max(), values.mean(), values.std()], rtol=1e-6)
                stored = np.fromfile(path, frames.dtype, offset=1024).reshape(frames.shape)
                np.testing.assert_array_equal(stored[:, ::-1], frames)

    def test_mrc_has_not_every_type(self):
        done = self.write("mrc", self.folder / "out.mrc", some_frames("u4"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("no pixel type u4", done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["source"])

    def test_a_full_disk_is_named(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for form in ("mrc", "tiff"):
            path = self.folder / "full"
            (self.folder / "full.partial").symlink_to("/dev/full")
            done = self.write(form, path, some_frames("u2"))
            self.assertEqual(done.returncode, 4)
            self.assertIn("No space left on device; free space", done.stderr)
            self.assertFalse((self.folder / "full.partial").is_symlink())


if __name__ == "__main__":
    unittest.main()
