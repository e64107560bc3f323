"""A recording travels through the daemon to a client: numbers against numpy, and live against offline to the bit."""
import json
import math
import unittest
from datetime import datetime, timezone

import h5py
import numpy as np

from processes import SHARED, SystemTest, main, run

ORDERS = list(range(2, 13))


def power_by_definition(correlation):
    """Re of the DFT of C over the shift, divided by the number of shifts, at the orders; numpy only."""
    return np.real(np.fft.fft(correlation, axis=-1))[..., ORDERS] / correlation.shape[-1]


def utc_ns(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc).timestamp() * 1e9)


def mean_temperature(times_s, values_c, start_s, end_s):
    """Mean of the piecewise-linear log over an exposure, by fine trapezoids."""
    grid = np.linspace(start_s, end_s, 2001)
    return np.trapz(np.interp(grid, times_s, values_c), grid) / (end_s - start_s)


def array(values):
    return np.array([float(value) for value in values])


class FirstLight(SystemTest):
    def replay(self, configuration, *arguments):
        """Replays through a daemon; returns the frame results that the monitor saw."""
        daemon = self.start_daemon(configuration + self.addresses.configuration())
        monitor = self.start_monitor()
        replay = run("glasswatch-replay", "--camera-endpoint", self.addresses.camera, "--environment-endpoint",
                     self.addresses.environment, "--speed", "max", *arguments)
        self.assertEqual(replay.returncode, 0, replay.stderr)
        monitor.wait_end_of_series()
        status = self.wait_status(lambda s: s["state"] == "IDLE")
        camera = self.source(status, "camera")
        for counter in ("lost", "duplicate", "late", "dropped_by_overflow"):
            self.assertEqual(camera[counter], "0", counter)
        self.assertEqual(status["publish_dropped"], "0")
        self.snapshot_agrees(monitor.frames())
        self.assertEqual(daemon.stop(), 0, daemon.errors())
        monitor.stop()
        return monitor.frames()

    def snapshot_agrees(self, frames):
        """`glasswatch snapshot` holds the same numbers as the stream."""
        output = self.folder / "snapshot.h5"
        done = self.command("snapshot", output)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(output) as file:
            self.assertEqual(file.attrs["format"], "glasswatch-results")
            self.assertEqual(list(file["frames/sequence"]), [int(frame["sequence"]) for frame in frames])
            stream = np.array([array(frame["symmetry"]["power"]) for frame in frames])
            np.testing.assert_array_equal(file["symmetry/power"][()].reshape(stream.shape), stream)

    def offline(self, configuration, *arguments):
        """The same input through glasswatch-analyze."""
        output = self.folder / "offline.h5"
        done = run("glasswatch-analyze", "--config", self.write("offline.textproto", configuration), "--output", output,
                   *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return h5py.File(output)

    def assert_bit_identical(self, frames, file):
        self.assertEqual(len(frames), len(file["frames/sequence"]))
        for index, frame in enumerate(frames):
            self.assertEqual(int(frame["sequence"]), file["frames/sequence"][index])
            self.assertEqual(int(frame["time_utc_ns"]), file["frames/time_utc_ns"][index])
            for name, value in (("temperature_c", "value_c"), ("temperature_sigma_c", "sigma_c"),
                                ("temperature_rate_k_per_s", "rate_k_per_s")):
                np.testing.assert_array_equal(float(frame["temperature"][value]), file["frames"][name][index], name)
            for name in ("power", "coefficient", "radial_mean", "radial_variance", "ring_power"):
                np.testing.assert_array_equal(array(frame["symmetry"][name]), file["symmetry"][name][index].ravel(),
                                              f"{name} of frame {index}")
        np.testing.assert_array_equal(array(frames[-1]["ecm"]["g2"]), file["ecm/field/g2"][()])

    def test_planted_stack_with_a_written_log(self):
        """Data made here: a ring with a planted 6-fold modulation over 50 frames, and a holder log with a ramp."""
        rows, columns, frames = 128, 120, 50
        row0, column0, order, amplitude = 61.3, 58.8, 6, 0.3
        row, column = np.mgrid[:rows, :columns]
        radius = np.hypot(row - row0, column - column0)
        azimuth = np.arctan2(row - row0, column - column0)
        ring = 4000 * np.exp(-0.5 * ((radius - 35) / 6) ** 2) * (1 + amplitude * np.cos(order * (azimuth - 0.3)))
        noise = np.random.default_rng(7).normal(0, 3, (frames, rows, columns))
        stack = np.rint(ring + 300 + noise).astype(np.int16)
        np.save(self.folder / "stack.npy", stack)
        mask = np.zeros((rows, columns), np.uint8)
        mask[:int(row0), 55:62] = 1  # a beam stop from the top edge to the centre
        np.save(self.folder / "mask.npy", mask)

        generator = np.random.default_rng(11)
        times_ms = np.cumsum(generator.integers(50, 101, 1200))
        truth_c = 50 + 20 / 60 * times_ms * 1e-3
        lines = ["Time, Notes, Channel A Temperature", "0, Date (yyyy.mm.dd) = 2023.05.12, 50",
                 "0, Time (hh:mm:ss.ms) = 09:00:00.000, 50", "0, Time units = Milliseconds, 50",
                 "0, Temperature units = Degrees C, 50"]
        values = np.round(truth_c + generator.normal(0, 0.05, times_ms.size), 3)
        lines += [f"{time}, , {value}" for time, value in zip(times_ms, values)]
        log = self.write("holder.csv", "\n".join(lines) + "\n")

        start = "2023-05-12T09:00:02Z"
        configuration = f"""
acquisition {{ frame_period_s: 1 exposure_s: 0.8 start_utc: "{start}" }}
calibration {{ center_row_px: {row0} center_col_px: {column0} k_per_px_inv_nm: 0.12 mask_path: "mask.npy" }}
symmetry {{ r_min_px: 20 r_max_px: 50 radial_bins: 30 azimuthal_bins: 180 ring_min_inv_nm: 4.0 ring_max_inv_nm: 4.4 }}
ecm {{ max_lag_s: 20 }}
"""
        inputs = [self.folder / "stack.npy", "--environment", log]
        frames_seen = self.replay(configuration, *inputs, "--frame-period-s", 1, "--exposure-s", 0.8, "--start-utc", start)
        self.assertEqual([int(frame["sequence"]) for frame in frames_seen], list(range(frames)))
        self.assert_bit_identical(frames_seen, self.offline(configuration, *inputs))

        residuals = []
        log_s = utc_ns("2023-05-12T09:00:00Z") * 1e-9 + times_ms * 1e-3
        for index, frame in enumerate(frames_seen):
            temperature = frame["temperature"]
            self.assertEqual(temperature["validity"], "VALID", temperature["reason"])
            begin = utc_ns(start) * 1e-9 + index
            interpolated = mean_temperature(log_s, values, begin, begin + 0.8)
            self.assertLess(abs(temperature["value_c"] - interpolated), temperature["sigma_c"])
            true_c = 50 + 20 / 60 * (begin + 0.4 - utc_ns("2023-05-12T09:00:00Z") * 1e-9)
            residuals.append((temperature["value_c"] - true_c) / temperature["sigma_c"])
            self.assertAlmostEqual(temperature["rate_k_per_s"], 1 / 3, delta=0.1)
            ring_power = dict(zip(ORDERS, frame["symmetry"]["ring_power"]))
            # The background of 300 counts under 4000 dilutes the modulation: a = 0.3 * 4000 / 4300 on the crest.
            self.assertAlmostEqual(ring_power[6], (amplitude * 4000 / 4300) ** 2 / 4, delta=0.0012)
            self.assertLess(max(abs(ring_power[n]) for n in (2, 3, 4, 5, 7, 8, 9, 10, 11)), 6e-4)
        self.assertLess(np.sqrt(np.mean(np.square(residuals))), 1.6)

        # g2 of the unmasked field, from its definition: pooled raw sums over pixels and pairs.
        field = stack[:, mask == 0].astype(float)
        for lag, (measured, pairs) in enumerate(zip(frames_seen[-1]["ecm"]["g2"], frames_seen[-1]["ecm"]["pairs"]), 1):
            if lag > 3:
                break  # the first lags are 1, 2, 3 frames; later ones are spaced
            past, future = field[:-lag], field[lag:]
            self.assertEqual(int(pairs), frames - lag)
            expected = np.mean(past * future) / (np.mean(past) * np.mean(future))
            self.assertAlmostEqual(measured, expected, delta=1e-12 * expected)

    @unittest.skipUnless((SHARED / "amorphous_titan_real").is_dir() if str(SHARED) else False,
                         "the folder of real instrument files is not here")
    def test_real_amorphous_pattern_and_real_log(self):
        """A real Titan pattern behind its beam stop as 50 frames, on a real Protochips log."""
        case = json.loads((SHARED / "amorphous_titan_real/case.json").read_text())
        row0, column0 = (edge - 0.5 for edge in case["center_row_col"])  # pixel-edge to pixel-centre units
        start = "2014-12-03T17:15:40Z"
        configuration = f"""
acquisition {{ frame_period_s: 1 exposure_s: 0.9 start_utc: "{start}" }}
calibration {{ center_row_px: {row0} center_col_px: {column0}
  mask_path: "{SHARED / 'amorphous_titan_real/pixel_mask.npy'}" }}
symmetry {{ r_min_px: 40 r_max_px: 140 radial_bins: 100 azimuthal_bins: 360 mask_normalization: LITERAL }}
ecm {{ max_lag_s: 20 }}
"""
        log = SHARED / "instrument/protochips_thermal.csv"
        inputs = [SHARED / "amorphous_titan_real/Amorphous.hspy", "--repeat", 50, "--environment", log]
        frames = self.replay(configuration, *inputs, "--frame-period-s", 1, "--exposure-s", 0.9, "--start-utc", start)
        self.assertEqual([int(frame["sequence"]) for frame in frames], list(range(50)))
        self.assert_bit_identical(frames, self.offline(configuration, *inputs))

        reference = power_by_definition(np.load(SHARED / "amorphous_titan_real/eq1_mean2_corr.npy").astype(float))
        ring = slice(int(case["ring_radius_px"] - 40) - 4, int(case["ring_radius_px"] - 40) + 5)
        for frame in frames:
            power = array(frame["symmetry"]["power"]).reshape(100, len(ORDERS))
            error = np.abs(power - reference)[ring].max()
            self.assertLess(error, 3e-5)  # tolerance of symmetry_vectors/README.md on the ring rows
        print(f"largest power error on the ring: {error:.2e}")

        times, values = [], []
        for line in log.read_text().splitlines()[1:]:
            fields = line.split(",")
            times.append(float(fields[0]) * 1e-3)
            values.append(float(fields[2]))
        log_start = utc_ns("2014-12-03T17:15:37.192Z") * 1e-9
        worst = 0
        for index, frame in enumerate(frames):
            temperature = frame["temperature"]
            self.assertEqual(temperature["validity"], "VALID", temperature["reason"])
            begin = utc_ns(start) * 1e-9 - log_start + index
            difference = abs(temperature["value_c"] - mean_temperature(times, values, begin, begin + 0.9))
            self.assertLess(difference, temperature["sigma_c"])
            worst = max(worst, difference / temperature["sigma_c"])
        print(f"largest temperature difference: {worst:.3f} of the stated uncertainty")

    def test_frames_without_time_get_no_temperature(self):
        """A stack whose times nobody knows must not be given a temperature."""
        np.save(self.folder / "stack.npy", np.full((4, 64, 64), 100, np.uint16))
        log = self.write("holder.csv", "Time, Notes, Channel A Temperature\n0, Date (yyyy.mm.dd) = 2023.05.12, 50\n"
                         "0, Time (hh:mm:ss.ms) = 09:00:00.000, 50\n0, Time units = Milliseconds, 50\n"
                         "0, Temperature units = Degrees C, 50\n0, , 50\n100, , 50\n")
        configuration = """
acquisition { frame_period_s: 1 }
calibration { center_row_px: 31.5 center_col_px: 31.5 }
symmetry { r_min_px: 10 r_max_px: 20 radial_bins: 10 azimuthal_bins: 90 }
"""
        with self.offline(configuration, self.folder / "stack.npy", "--environment", log) as file:
            self.assertTrue(np.isnan(file["frames/temperature_c"]).all())
            self.assertTrue((file["frames/temperature_status"][()] != 1).all())
            self.assertTrue(((file["frames/flags"][()] & 64) != 0).all())
            self.assertTrue(math.isfinite(file["symmetry/radial_mean"][0, 0]))


if __name__ == "__main__":
    main()
