"""glasswatch-simulate and glasswatch-replay as processes: what they put on the wire, read with Debian's own zmq and
protobuf, and their exit codes."""
import json
import os
import pty
import select
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import h5py
import numpy as np
import zmq
from processes import BIN, PATIENCE_S, SystemTest, free_ports, run
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
        self.assertEqual([message.sequence for message, _ in frames], [2, 3, 4])
        self.assertEqual(camera[0][0].sequence, 2)
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

    def replay(self, *arguments, count=40, redirect="", environment=True):
        """A replay of `count` frames, one a second from 09:00:00 on, number i all i; beside it 20 °C + 1 K/s. Standard
        streams as the shell redirects them."""
        np.save(self.folder / "frames.npy", np.broadcast_to(np.arange(count, dtype="<u2")[:, None, None], (count, 8, 10)))
        log = ["--environment", self.write_log(20 + 0.1 * np.arange(10 * count + 20))] if environment else []
        return self.start("/bin/sh", "-c", f'exec "$0" "$@" {redirect}', BIN / "glasswatch-replay",
                          self.folder / "frames.npy", *log, "--frame-period-s", 1, "--exposure-s", 0.5, "--start-utc",
                          "2023-05-12T09:00:00Z", "--camera-endpoint", "tcp://127.0.0.1:*", "--environment-endpoint",
                          "tcp://127.0.0.1:*", "--wait-subscriber", PATIENCE_S, *arguments)

    def assert_frames(self, camera, numbers):
        frames = [(message, pixels) for message, pixels in camera if message.HasField("frame")]
        self.assertEqual([message.sequence for message, _ in frames], list(numbers))
        for message, pixels in frames:
            self.assertEqual(message.frame.exposure_start_utc_ns, (1683882000 + message.sequence) * 10**9)
            self.assertEqual(set(np.frombuffer(pixels[0], "<u2")), {message.sequence})

    def test_replay_is_steered_by_standard_input(self):
        os.mkfifo(self.folder / "keys")
        process = self.replay("--paused", redirect=f"< {self.folder}/keys")
        with open(self.folder / "keys", "w") as keys:
            keys.write("step 2\nfaster!\nspeed max\nstatus\nplay\n")
        camera, _ = Subscriber(endpoints_of(process, "camera", "environment")).receive()
        self.assertEqual(process.wait(), 0, process.errors())
        self.assert_frames(camera, range(40))
        self.assertIn('"faster!": is no command; allowed: pause, play, step', process.errors())
        self.assertIn('"speed":"max"', process.errors())

    def test_replay_does_without_standard_input(self):
        for redirect in ("<&-", "< /dev/null", f"< {self.folder}/frames.npy"):
            with self.subTest(redirect=redirect):
                began = time.monotonic()
                process = self.replay("--speed", 10, count=6, redirect=redirect)
                camera, environment = Subscriber(endpoints_of(process, "camera", "environment")).receive()
                self.assertEqual(process.wait(), 0, process.errors())
                self.assert_frames(camera, range(6))
                self.assertGreater(len(environment), 50)
                self.assertGreater(time.monotonic() - began, 0.5)

    def test_replay_is_steered_by_its_control_socket(self):
        process = self.replay("--paused", "--control-endpoint", "tcp://127.0.0.1:*", environment=False,
                              redirect="< /dev/null")
        endpoints = endpoints_of(process, "camera", "control")
        context = zmq.Context()
        socket = context.socket(zmq.REQ)
        socket.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
        socket.connect(endpoints.pop("control"))

        def ask(command):
            socket.send_string(command)
            return json.loads(socket.recv())

        def wait_for(state):
            deadline = time.monotonic() + PATIENCE_S
            while (answer := ask("status"))["state"] != state:
                self.assertLess(time.monotonic(), deadline, answer)
            return answer

        self.assertEqual(ask("status")["state"], "paused")  # before anybody has subscribed
        subscriber = Subscriber(endpoints)
        ask("step 3")
        answer = wait_for("paused")
        self.assertEqual((answer["frames_sent"], answer["sequence"], answer["speed"]), (3, 2, 1))
        self.assertEqual(answer["time_utc"], "2023-05-12T09:00:02.000000000Z")
        self.assertIsNone(answer["temperature_c"])
        asked = time.monotonic()
        self.assertEqual(ask("speed 7")["speed"], 7)
        self.assertLess(time.monotonic() - asked, 0.2)
        wrong = ask("speed 70000")
        self.assertFalse(wrong["ok"])
        self.assertIn("[0.1, 1000]", wrong["error"])
        self.assertEqual(ask("quit")["state"], "ending")
        camera, _ = subscriber.receive()
        self.assertEqual(process.wait(), 0, process.errors())
        context.destroy(linger=0)
        self.assert_frames(camera, range(3))
        self.assertEqual(camera[-1][0].series_end.reason, streams_pb2.SeriesEnd.STOPPED_BY_OPERATOR)
        self.assertEqual(camera[-1][0].series_end.count, 3)

    def test_replay_plays_from_and_to_a_time_or_a_temperature(self):
        # The middle of frame i is at 20.25 + i °C.
        for limits, numbers in ((("--from-temperature", 30.2, "--to-temperature", 33.3), range(10, 15)),
                                (("--from-temperature", 30.3, "--to-utc", "2023-05-12T09:00:13Z"), range(11, 13)),
                                (("--from-utc", "2023-05-12T09:00:30Z", "--stop", 33), range(30, 33))):
            with self.subTest(limits=limits):
                process = self.replay("--speed", "max", *limits)
                camera, environment = Subscriber(endpoints_of(process, "camera", "environment")).receive()
                self.assertEqual(process.wait(), 0, process.errors())
                self.assert_frames(camera, numbers)
                self.assertEqual(camera[0][0].sequence, numbers[0])
                self.assertEqual(camera[-1][0].series_end.count, numbers[-1] + 1)
                times = [message.environment.time_utc_ns for message, _ in environment[1:-1]]
                self.assertEqual(times[0], 1683882000 * 10**9, "samples from the beginning, as in the original")
                self.assertGreaterEqual(times[-1], (1683882000 + numbers[-1]) * 10**9 + 5 * 10**8)

    def test_replay_loops_until_interrupted(self):
        process = self.replay("--speed", "max", "--loop", count=3)
        subscriber = Subscriber(endpoints_of(process, "camera", "environment"))
        began = time.monotonic()

        def enough():
            """Between turns: after the second, or once the program has ended."""
            if process.running() and time.monotonic() - began > 1.5:
                process.stop()
            return process.ended()

        camera, environment = subscriber.receive(until=enough)
        self.assertEqual(process.wait(), 0, process.errors())
        ids = [message.series_id for message, _ in camera if message.HasField("series_start")]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertGreaterEqual(len(ids), 2)
        for series_id in ids[:2]:
            self.assert_frames([pair for pair in camera if pair[0].series_id == series_id], range(3))
        starts = [message for message, _ in environment if message.HasField("environment_start")]
        self.assertGreaterEqual(len({message.series_id for message in starts}), 2)

    def test_replay_shows_its_progress_on_a_terminal(self):
        for arguments, shown in (((), True), (("--quiet",), False)):
            with self.subTest(arguments=arguments):
                terminal, name = pty.openpty()
                self.addCleanup(os.close, terminal)
                process = self.replay("--speed", 20, *arguments, count=10, redirect=f"2> {os.ttyname(name)}")
                Subscriber(endpoints_of(process, "camera", "environment")).receive()
                self.assertEqual(process.wait(), 0)
                text = ""
                while select.select([terminal], [], [], 0)[0]:
                    text += os.read(terminal, 65536).decode()
                os.close(name)
                if shown:
                    self.assertRegex(text, r"frame \d  2023-05-12T09:00:0\dZ  2\d\.\d C  speed 20")
                    self.assertIn("frame 9  2023-05-12T09:00:09Z  29.2 C", text.split("\r")[-2])
                else:
                    self.assertEqual(text, "")

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
            (2, "[0.1, 1000]", ["glasswatch-replay", self.stack(), "--speed", "1001"]),
            (2, "[0.1, 1000]", ["glasswatch-replay", self.stack(), "--speed", "0.09"]),
            (2, "--from-utc yesterday", ["glasswatch-replay", self.stack(), "--from-utc", "yesterday"]),
            (2, "need a temperature log", ["glasswatch-replay", self.stack(), "--from-temperature", "300"]),
            (2, "no frame is left", ["glasswatch-replay", self.stack(), "--from-utc", "2100-01-01T00:00:00Z"]),
            (4, f":{port}", ["glasswatch-replay", self.stack(), "--camera-endpoint", "tcp://127.0.0.1:*",
                             "--control-endpoint", f"tcp://127.0.0.1:{port}"]),
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
