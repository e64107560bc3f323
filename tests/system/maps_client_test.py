"""The clients and maps, fed by a stub in place of a daemon: `glasswatch monitor` is not flooded, `calibrate` and
`set-symmetry` ask for what was said, the Python client puts a map together."""
import json
import sys
import threading
import unittest

import numpy as np
import zmq
from protocol.schema import control_pb2, results_pb2

from processes import SOURCE, Process, free_ports, main, run

sys.path.insert(0, str(SOURCE / "protocol" / "client"))
import glasswatch_client  # noqa: E402

ROWS, COLUMNS, UPDATES = 20, 30, 300


def planted(position):
    return [10.0 * position, 10.0 * position + 1]


def updates():
    """A scan in UPDATES parts, two positions each, in a shuffled order."""
    order = np.random.default_rng(1).permutation(ROWS * COLUMNS)
    for number in range(UPDATES):
        message = results_pb2.ResultMessage(schema_version=1, daemon_id=3, sequence=number)
        part = order[2 * number:2 * number + 2]
        message.map.CopyFrom(results_pb2.MapUpdate(
            series_id=7, kind="SCAN", rows=ROWS, columns=COLUMNS, channel=["power 4", "mean counts"],
            position=part, value=np.ravel([planted(p) for p in part]), filled=2 * number + 2,
            complete=number == UPDATES - 1, step_nm=1))
        yield message


class MapsAndClients(unittest.TestCase):
    def setUp(self):
        self.context = zmq.Context()
        self.addCleanup(lambda: self.context.destroy(linger=0))
        self.replier = None
        self.results, self.control = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))

    def publisher(self):
        socket = self.context.socket(zmq.XPUB)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.bind(self.results)
        return socket

    def wait_subscribed(self, socket, topic):
        while socket.poll(60_000):
            if topic.startswith(socket.recv()[1:]):
                return
        self.fail(f"nobody subscribed to {topic}")

    def monitored(self, *arguments):
        """What the monitor prints of the scan, and of a frame after it."""
        socket = self.publisher()
        monitor = Process("glasswatch", "--results", self.results, "monitor", "--frames", 1, *arguments)
        self.addCleanup(monitor.kill)
        self.wait_subscribed(socket, b"map")
        for message in updates():
            socket.send_multipart([b"map", message.SerializeToString()])
        last = results_pb2.ResultMessage(schema_version=1, daemon_id=3, sequence=UPDATES)
        last.frame.sequence = 5
        socket.send_multipart([b"frame", last.SerializeToString()])
        self.assertEqual(monitor.wait(), 0, monitor.errors())
        self.assertEqual(monitor.errors(), "")
        socket.close()
        return monitor.lines

    def test_text_is_a_short_line_a_second_and_the_completion(self):
        lines = [line for line in self.monitored() if line.startswith("MAP")]
        self.assertEqual(lines[0].strip(), "MAP scan 20 x 30: 2 of 600 positions, frame 0")
        self.assertEqual(lines[-1].strip(), "MAP scan 20 x 30: 600 of 600 positions, frame 0, complete")
        self.assertLess(len(lines), 20)  # 300 updates come in far less than 18 s

    def test_json_has_values_only_on_request(self):
        maps = [json.loads(line)["map"] for line in self.monitored("--json") if '"map"' in line]
        self.assertLess(len(maps), 20)
        self.assertTrue(maps[-1]["complete"])
        self.assertTrue(all(m["position"] == [] and m["value"] == [] for m in maps))
        self.assertEqual(maps[0]["channel"], ["power 4", "mean counts"])

    def test_json_with_maps_is_all_of_it(self):
        maps = [json.loads(line)["map"] for line in self.monitored("--json", "--maps") if '"map"' in line]
        self.assertEqual(len(maps), UPDATES)
        for message, m in zip(updates(), maps):
            self.assertEqual(m["position"], list(message.map.position))
            self.assertEqual(m["value"], list(message.map.value))

    def test_python_puts_the_map_together(self):
        scan, tiles = glasswatch_client.WholeMap(), glasswatch_client.WholeMap(results_pb2.MapUpdate.TILES)
        for number, message in enumerate(updates()):
            self.assertTrue(scan.add(message.map))
            self.assertFalse(tiles.add(message.map))
            self.assertEqual(np.isnan(scan["power 4"]).sum(), ROWS * COLUMNS - 2 * number - 2)
        expected = np.array([planted(p) for p in range(ROWS * COLUMNS)]).reshape(ROWS, COLUMNS, 2)
        np.testing.assert_array_equal(scan["power 4"], expected[..., 0])
        np.testing.assert_array_equal(scan["mean counts"], expected[..., 1])
        message.map.series_id = 8
        scan.add(message.map)
        self.assertEqual(np.isfinite(scan["power 4"]).sum(), 2)

    def asked(self, ask):
        """The request that reaches the daemon's end."""
        if self.replier is None:  # one for the whole test: a closed socket holds its address for a moment longer
            self.replier = self.context.socket(zmq.REP)
            self.replier.bind(self.control)
        requests = []

        def answer():
            if self.replier.poll(60_000):
                requests.append(control_pb2.Request.FromString(self.replier.recv()))
                self.replier.send(control_pb2.Reply(schema_version=1).SerializeToString())

        thread = threading.Thread(target=answer)
        thread.start()
        ask()
        thread.join()
        return requests[0]

    def command(self, *arguments):
        done = run("glasswatch", "--control", self.control, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_commands_ask_for_what_was_said(self):
        request = self.asked(lambda: self.command("calibrate"))
        self.assertTrue(request.HasField("calibrate"))
        request = self.asked(lambda: self.command("set-symmetry", "--r-min", 30, "--ring-max", 4.25, "--orders", "2,4,10"))
        expected = control_pb2.ChangeSymmetry(r_min_px=30, ring_max_inv_nm=4.25, orders=[2, 4, 10])
        self.assertEqual(request.change_symmetry, expected)
        self.assertFalse(request.change_symmetry.HasField("r_max_px"))
        request = self.asked(lambda: glasswatch_client.ask(self.control, "change_symmetry", r_min_px=30.0, orders=[2, 4, 10],
                                                           ring_max_inv_nm=4.25))
        self.assertEqual(request.change_symmetry, expected)
        request = self.asked(lambda: glasswatch_client.ask(self.control, "calibrate"))
        self.assertTrue(request.HasField("calibrate"))

    def test_nothing_to_change_and_no_numbers_are_bad_usage(self):
        for arguments in ((), ("--orders", "two"), ("--r-min", "wide"), ("--orders", "-3")):
            done = run("glasswatch", "--control", self.control, "set-symmetry", *arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1)


if __name__ == "__main__":
    main()
