"""Kill the simulator or the daemon and start it again: the other recovers by itself."""
import signal

from processes import SystemTest, main
from faults_test import CONFIGURATION, SCENARIO


class Recovery(SystemTest):
    def simulator(self):
        scenario = SCENARIO.format(frames=0, camera=self.addresses.camera, environment=self.addresses.environment,
                                   microscope=self.addresses.microscope, faults="")
        return self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--speed", 20)

    def configuration(self):
        return CONFIGURATION + self.addresses.configuration()

    def wait_frames(self, more_than, *processes):
        return self.wait_status(lambda status: int(status["processed"]) > more_than, *processes)

    def test_simulator_killed(self):
        daemon = self.start_daemon(self.configuration())
        simulator = self.simulator()
        before = self.wait_frames(5, daemon, simulator)
        simulator.kill()
        again = self.simulator()
        after = self.wait_status(lambda status: status["series_id"] not in ("0", before["series_id"])
                                 and int(status["processed"]) > int(before["processed"]) + 5, daemon, again)
        # The killed source said no end: its series counts as aborted, and that is not loss.
        self.assertEqual(self.source(after, "camera")["series_aborted"], "1")
        self.assertEqual(self.source(after, "camera")["lost"], "0")
        self.assertEqual(again.stop(), 0, again.errors())
        ended = self.wait_status(lambda status: status["state"] == "IDLE", daemon)
        self.assertEqual(self.source(ended, "camera")["series_ended"], "1")

    def test_daemon_killed(self):
        daemon = self.start_daemon(self.configuration())
        simulator = self.simulator()
        self.wait_frames(5, daemon, simulator)
        daemon.kill()
        again = self.start_daemon(self.configuration())
        # The late joiner is told the running series at once; what was sent before is not loss.
        status = self.wait_frames(5, again, simulator)
        self.assertEqual(status["state"], "ACQUIRING")
        self.assertEqual(self.source(status, "camera")["rejected"], {})
        self.assertEqual(self.source(status, "camera")["lost"], "0")
        monitor = self.start_monitor()
        frame = monitor.wait_message("frame", lambda f: f["temperature"]["validity"] == "VALID", "valid frame")
        self.assertGreater(frame["temperature"]["value_c"], 300)
        self.assertEqual(again.stop(signal.SIGTERM), 0, again.errors())
        self.assertEqual(simulator.stop(), 0, simulator.errors())

    def test_late_client_gets_the_state_at_once(self):
        self.start_daemon(self.configuration())
        simulator = self.simulator()
        self.wait_frames(5, simulator)
        monitor = self.start_monitor()
        setup = monitor.wait_message("setup")
        self.assertEqual(setup["orders"], [2, 4, 6])
        self.assertEqual(len(setup["radius_px"]), 16)
        self.assertEqual(monitor.wait_message("series")["start"]["name"], "faults")


if __name__ == "__main__":
    main()
