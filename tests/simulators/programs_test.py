"""glasswatch-simulate and glasswatch-replay as processes: what they put on the wire, read with Debian's own zmq and
protobuf, and their exit codes."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import h5py
import numpy as np
import zmq
from processes import PATIENCE_S, SystemTest, free_ports, run
from protocol.schema import streams_pb2
from stream_subscriber import Subscriber, endpoints_of

SCENARIO = """
name: "programs test" seed: 5
frames {{ rows: 64 columns: 80 frame_period_s: 1 exposure_s: 0.8 dose_e_per_px: 50 }}
ramp {{ start_c: 300 stop_c: 450 rate_k_per_min: 600 }}
pattern {{ center_row_px: 31.5 center_col_px: 39.5 ring_radius_px: 20 ring_width_px: 4 }}
endpoints {{ camera: "tcp://127.0.0.1:*" environment: "tcp://127.0.0.1:*" control: "tcp://127.0.0.1:*" }}
{faults}
"""


class Programs(SystemTest):
    def scenario(self, faults=""):
        return self.write("scenario.textproto", SCENARIO.format(faults=faults))

    def stack(self):
        """Two frames of one MiB each."""
        path = self.folder / "large.npy"
        np.save(path, np.zeros((2, 1024, 512), "<u2"))
        return path

    def simulate(self, scenario, *arguments):
        process = self.start("glasswatch-simulate", scenario, "--wait-subscriber", PATIENCE_S, *arguments)
        camera, environment = Subscriber(endpoints_of(process, "camera", "environment")).receive()
        self.assertEqual(process.wait(), 0, process.errors())
        return camera, environment

    def test_truth_file_agrees_with_the_wire(self):
        truth = self.folder / "truth.h5"
        camera, environment = self.simulate(self.scenario(), "--speed", "max", "--truth", truth)
        frames = [(message, pixels) for message, pixels in camera if message.HasField("frame")]
        samples = [message for message, _ in environment if message.HasField("environment")]
        self.assertEqual(len(frames), 15)
        with h5py.File(truth) as file:
            self.assertEqual(list(file["frames/sequence"]), list(range(15)))
            self.assertEqual(list(file["frames/time_utc_ns"]),
                             [message.frame.exposure_start_utc_ns for message, _ in frames])
            # 10 K/s from 300 degC: the mean over [i, i + 0.8] is that of its middle.
            np.testing.assert_allclose(file["frames/temperature_c"], 300 + 10 * (np.arange(15) + 0.4), atol=1e-6)
            amplitude = np.clip((file["frames/temperature_c"][()] - 350) / 50, 0, 1) * 0.4
            np.testing.assert_allclose(file["frames/power"], amplitude**2 / 4, atol=1e-9)
            self.assertEqual(list(file["environment/temperature_measured_c"]),
                             [message.environment.temperature_c for message in samples])
            self.assertEqual(list(file["environment/time_utc_ns"]),
                             [message.environment.time_utc_ns for message in samples])
            for name in ("frames/power", "frames/temperature_c", "environment/temperature_true_c"):
                self.assertTrue(file[name].attrs["units"] and file[name].attrs["long_name"])

    def test_same_pixels_at_another_speed(self):
        fast = self.simulate(self.scenario(), "--speed", "max", "--frames", 5)
        slow = self.simulate(self.scenario(), "--speed", 20, "--frames", 5)
        for one, other in zip(fast, slow):
            self.assertEqual(len(one), len(other))
            for (message, pixels), (again, pixels_again) in zip(one, other):
                self.assertNotEqual(message.series_id, again.series_id)
                message.series_id = again.series_id
                self.assertEqual(message.SerializeToString(deterministic=True),
                                 again.SerializeToString(deterministic=True))
                self.assertEqual(pixels, pixels_again)

    def test_faults_reach_the_wire(self):
        camera, environment = self.simulate(self.scenario("""
            fault { kind: LOSE sequence: [2, 3] } fault { kind: DUPLICATE sequence: 5 }
            fault { kind: SWAP_WITH_NEXT sequence: 7 } fault { kind: OVERSIZE sequence: 10 }
            fault { kind: GARBAGE sequence: 12 } fault { kind: LOSE stream: ENVIRONMENT sequence: 4 }"""), "--speed", "max")
        order = [message.sequence if message is not None else "garbage" for message, _ in camera[1:-1]]
        self.assertEqual(order, [0, 1, 4, 5, 5, 6, 8, 7, 9, 10, 11, "garbage", 13, 14])
        self.assertEqual({len(pixels[0]) for message, pixels in camera[1:-1] if message is None or message.sequence != 10},
                         {64 * 80 * 2})
        self.assertEqual([len(pixels[0]) for message, pixels in camera[1:-1] if message and message.sequence == 10],
                         [65 * 80 * 2])
        self.assertEqual([message.sequence for message, _ in environment[1:6]], [0, 1, 2, 3, 5])

    def test_an_interrupt_ends_both_series_in_order(self):
        process = self.start("glasswatch-simulate", self.scenario(), "--wait-subscriber", PATIENCE_S)
        subscriber = Subscriber(endpoints_of(process, "camera", "environment"))
        subscriber.on_first_frame = lambda: self.assertEqual(process.stop(), 0, process.errors())
        for stream in subscriber.receive():
            self.assertEqual(stream[-1][0].series_end.reason, streams_pb2.SeriesEnd.STOPPED_BY_OPERATOR)
            self.assertEqual(stream[-1][0].series_end.count, len(stream) - 2)

    def write_log(self, values):
        """A Protochips log from 2023-05-12, 09:00:00 on, 0.1 s between samples."""
        notes = ["Date (yyyy.mm.dd) = 2023.05.12", "Time (hh:mm:ss.ms) = 09:00:00.000", "Time units = Milliseconds",
                 "Temperature units = Degrees C"]
        lines = ["Time, Notes, Channel A Temperature"]
        for index, value in enumerate(values):
            lines.append(f"{index * 100}, {notes[index] if index < len(notes) else ''}, {value:.3f}")
        return self.write("holder.csv", "\n".join(lines) + "\n")

    def test_replay_keeps_times_and_sends_samples_ahead(self):
        stack = (np.arange(6 * 8 * 10) % 251).astype("<u2").reshape(6, 8, 10)
        np.save(self.folder / "stack.npy", stack)
        process = self.start("glasswatch-replay", self.folder / "stack.npy", "--frame-period-s", 0.5, "--exposure-s",
                             0.4, "--start-utc", "2023-05-12T09:00:02Z", "--environment",
                             self.write_log(np.linspace(20, 30, 100)), "--speed", "max", "--camera-endpoint",
                             "tcp://127.0.0.1:*", "--environment-endpoint", "tcp://127.0.0.1:*", "--start", 1, "--stop",
                             2.5)
        camera, environment = Subscriber(endpoints_of(process, "camera", "environment")).receive()
        self.assertEqual(process.wait(), 0, process.errors())
        self.assertEqual(camera[0][0].series_start.source_mode, streams_pb2.REPLAY)
        frames = camera[1:-1]
        begin = 1683882002 * 10**9
        self.assertEqual([message.sequence for message, _ in frames], [0, 1, 2])
        for index, (message, pixels) in enumerate(frames, start=2):
            self.assertEqual(message.frame.exposure_start_utc_ns, begin + index * 5 * 10**8)
            self.assertEqual(message.frame.exposure_end_utc_ns, begin + index * 5 * 10**8 + 4 * 10**8)
            self.assertEqual(pixels[0], stack[index].tobytes())
        # The last frame ends 4.4 s into the log, which is sample 44.
        times = [message.environment.time_utc_ns for message, _ in environment[1:-1]]
        self.assertEqual(times, [begin - 2 * 10**9 + index * 10**8 for index in range(len(times))])
        self.assertEqual(len(times), 45)

    def test_replay_repeats_preloaded_frames_as_a_scan(self):
        stack = np.arange(3 * 8 * 10, dtype="<u2").reshape(3, 8, 10)
        np.save(self.folder / "stack.npy", stack)
        process = self.start("glasswatch-replay", self.folder / "stack.npy", "--frame-period-s", 1, "--preload",
                             "--repeat", 3, "--scan", "2x4", "--speed", "max", "--camera-endpoint", "tcp://127.0.0.1:*")
        camera, _ = Subscriber(endpoints_of(process, "camera")).receive()
        self.assertEqual(process.wait(), 0, process.errors())
        start, frames = camera[0][0].series_start, camera[1:-1]
        self.assertEqual((start.scan.rows, start.scan.columns, start.expected_frames), (2, 4, 8))
        self.assertEqual(len(frames), 8)
        for index, (message, pixels) in enumerate(frames):
            self.assertEqual(message.sequence, index)
            self.assertEqual((message.frame.scan_row, message.frame.scan_column), divmod(index, 4))
            self.assertEqual(message.frame.exposure_start_utc_ns, index * 10**9)
            self.assertEqual(pixels[0], stack[index % 3].tobytes())

    def test_replay_says_when_temperatures_cannot_match(self):
        np.save(self.folder / "stack.npy", np.zeros((2, 8, 10), "<u2"))
        log = self.write_log(np.linspace(20, 30, 20))
        common = ["glasswatch-replay", self.folder / "stack.npy", "--frame-period-s", "0.5", "--environment", log,
                  "--speed", "max", "--wait-subscriber", "0", "--camera-endpoint", "tcp://127.0.0.1:*",
                  "--environment-endpoint", "tcp://127.0.0.1:*"]
        silent = run(*common)
        self.assertEqual(silent.returncode, 0, silent.stderr)
        self.assertIn("--start-utc", silent.stderr)
        aligned = run(*common, "--start-utc", "log")
        self.assertEqual(aligned.returncode, 0, aligned.stderr)
        self.assertNotIn("--start-utc", aligned.stderr)

    def test_exit_codes_and_messages(self):
        bad = self.write("bad.textproto", "name: 'x' frames { rows: 5 } ramp {} pattern {}")
        port = free_ports(1)[0]
        taken = zmq.Context()
        socket = taken.socket(zmq.PUB)
        socket.bind(f"tcp://127.0.0.1:{port}")
        cases = [
            (2, "bad.textproto:1", ["glasswatch-simulate", bad]),
            (2, "--speed", ["glasswatch-simulate", self.scenario(), "--speed", "-1"]),
            (4, "--wait-subscriber", ["glasswatch-simulate", self.scenario(), "--wait-subscriber", "0.1"]),
            (4, str(port), ["glasswatch-simulate", self.scenario(), "--camera-endpoint", f"tcp://127.0.0.1:{port}"]),
            (4, "--truth", ["glasswatch-simulate", self.scenario(), "--truth", "/nowhere/truth.h5"]),
            (2, "required", ["glasswatch-replay"]),
            (2, "--scan 3x", ["glasswatch-replay", self.stack(), "--scan", "3x"]),
            (3, "MiB", ["glasswatch-replay", self.stack(), "--preload", "--preload-mib", "1"]),
            (3, "missing.emd", ["glasswatch-replay", self.folder / "missing.emd"]),
        ]
        for code, word, command in cases:
            with self.subTest(command=command):
                done = run(*command)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(word, done.stderr)
        taken.destroy(linger=0)
        for program in ("glasswatch-simulate", "glasswatch-replay"):
            self.assertEqual(run(program, "--help").returncode, 0)
            self.assertRegex(run(program, "--version").stdout, r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main(verbosity=2)
