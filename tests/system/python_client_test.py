"""The Python client sees what the C++ client sees."""
import sys

import numpy as np

from processes import SOURCE, SystemTest, main
from faults_test import CONFIGURATION, SCENARIO

sys.path.insert(0, str(SOURCE / "protocol" / "client"))
import glasswatch_client  # noqa: E402


class PythonClient(SystemTest):
    def test_frames_and_requests(self):
        self.start_daemon(CONFIGURATION + self.addresses.configuration())
        monitor = self.start_monitor()
        subscriber = glasswatch_client.ResultSubscriber(self.addresses.results)
        self.addCleanup(subscriber.close)
        while not subscriber.next(30)[1].HasField("status"):
            pass
        scenario = SCENARIO.format(frames=10, camera=self.addresses.camera, environment=self.addresses.environment,
                                   microscope=self.addresses.microscope, faults="")
        self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--speed", "max",
                   "--wait-subscriber", 30)
        powers, images, ended = {}, 0, False
        while not (ended and images):
            topic, message, pixels = subscriber.next(30)
            if message.HasField("frame"):
                powers[message.frame.sequence] = list(message.frame.symmetry.power)
            if message.HasField("display"):
                images += 1
                self.assertEqual(len(pixels), message.display.rows * message.display.columns)
            ended = ended or (message.HasField("series") and message.series.HasField("end"))
        self.assertEqual(subscriber.missed, 0)
        monitor.wait_end_of_series()
        for frame in monitor.frames():
            np.testing.assert_array_equal([float(p) for p in frame["symmetry"]["power"]], powers[int(frame["sequence"])])
        reply, frames = glasswatch_client.ask(self.addresses.service, "snapshot")
        self.assertEqual([frame.sequence for frame in frames], list(range(10)))
        self.assertEqual(reply.status.processed, 10)
        with self.assertRaisesRegex(RuntimeError, "NOT_CONFIGURED"):
            glasswatch_client.ask(self.addresses.service, "arm")


if __name__ == "__main__":
    main()
