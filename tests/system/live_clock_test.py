"""Two live clocks: offsets are measured from arrivals, then frames get a temperature, and latencies are finite."""
from faults_test import CONFIGURATION, SCENARIO
from processes import SystemTest, main

RULE = 'trigger { name: "hot" quantity: TEMPERATURE_C threshold: 300 confirm_frames: 2 }\n'


class LiveClock(SystemTest):
    def test_offsets_temperature_and_latency(self):
        self.start_daemon(CONFIGURATION + self.addresses.configuration() + RULE)
        monitor = self.start_monitor()
        scenario = SCENARIO.format(frames=0, camera=self.addresses.camera, environment=self.addresses.environment,
                                   microscope=self.addresses.microscope, faults="")
        scenario = scenario.replace("frame_period_s: 1 exposure_s: 0.9", "frame_period_s: 0.1 exposure_s: 0.08")
        simulator = self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--live-clock",
                               "--wait-subscriber", 30)
        event = monitor.wait_message("trigger")
        # Before four messages of each source no offset is known, and no temperature is made up.
        self.assertIn(monitor.frames()[0]["temperature"]["validity"], ("CLOCKS_UNRELATED", "NO_TEMPERATURE"))
        # The ramp is at 380 degC and rises by a third of a kelvin a second: seconds at most have passed.
        self.assertGreater(event["temperature"]["value_c"], 380 - 3 * event["temperature"]["sigma_c"])
        self.assertLess(event["temperature"]["value_c"], 400)
        for step in ("exposure_to_receive_s", "receive_to_result_s"):
            self.assertGreater(event[step], -0.02, step)  # offset and stamps are known to some milliseconds
            self.assertLess(event[step], 30, step)
        for name in ("camera", "environment"):  # one machine, one clock: the true offset is 0
            source = self.source(self.status(), name)
            self.assertLess(abs(source["clock_offset_s"]), 0.5, name)
        self.assertEqual(simulator.stop(), 0, simulator.errors())


if __name__ == "__main__":
    main()
