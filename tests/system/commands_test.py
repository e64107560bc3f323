"""Rules close the loop: the daemon sees a temperature, the microscope scans, and cools, and goes on."""
from processes import SystemTest, main

SCENARIO = """
name: "commands"
frames {{ rows: 64 columns: 64 frame_period_s: 1 exposure_s: 0.9 dose_e_per_px: 50 }}
ramp {{ start_c: 330 stop_c: 420 rate_k_per_min: 60 hold_after_s: 600 }}
pattern {{ center_row_px: 31.5 center_col_px: 31.5 ring_radius_px: 20 ring_width_px: 4 }}
specimen {{ field_nm: 12 thickness_nm: 4 column_nm: 8 packing_nm: 3 }}
nanobeam {{ k_per_px_inv_nm: 0.2 }}
endpoints {{ camera: "{camera}" environment: "{environment}" control: "{microscope}" }}
"""
CONFIGURATION = """
trigger { name: "map" quantity: TEMPERATURE_C threshold: 345 confirm_frames: 2 cooldown_s: 10000
          start_scan { rows: 2 columns: 3 step_nm: 0.5 frame_period_s: 0.5 } }
trigger { name: "cool" quantity: TEMPERATURE_C threshold: 360 confirm_frames: 2 cooldown_s: 10000
          change_ramp { to_c: 350 rate_k_per_min: 600 } }
trigger { name: "end" quantity: TEMPERATURE_C direction: BELOW threshold: 350.5 confirm_frames: 25 cooldown_s: 10000
          stop_series { } }
"""


class Commands(SystemTest):
    def test_rules_scan_cool_and_stop(self):
        self.start_daemon(CONFIGURATION + self.addresses.configuration())
        monitor = self.start_monitor()
        self.assertEqual(self.command("arm").returncode, 0)
        scenario = SCENARIO.format(camera=self.addresses.camera, environment=self.addresses.environment,
                                   microscope=self.addresses.microscope)
        simulator = self.start("glasswatch-simulate", self.write("scenario.textproto", scenario), "--speed", 20,
                               "--wait-subscriber", 30)
        for rule in ("map", "cool", "end"):
            event = monitor.wait_message("trigger", lambda e, r=rule: e["rule"] == r, f"event of {rule}")
            self.assertEqual(event["outcome"], "ACKNOWLEDGED", event)
        scan = monitor.wait_message("series", lambda s: s["start"]["reason"].startswith("scan: rule map")
                                    and "end" in s, "end of the scan")
        self.assertEqual((scan["start"]["scan"]["rows"], scan["start"]["scan"]["columns"]), (2, 3))
        frames = [f for f in monitor.frames() if f["series_id"] == scan["series_id"]]
        self.assertEqual(len(frames), 6)
        # 1 K/s: the ramp was at 360 degC when it was turned round, and came down to 350 degC at 10 K/s.
        temperatures = [f["temperature"]["value_c"] for f in monitor.frames() if f["temperature"].get("value_c", 0) > 0]
        self.assertLess(max(temperatures), 375)
        self.assertGreater(max(temperatures), 360)
        self.assertAlmostEqual(temperatures[-1], 350, delta=0.5)
        monitor.wait_message("series", lambda s: s.get("end", {}).get("reason") == "STOPPED_BY_COMMAND"
                             and "rule end" in s["end"].get("note", ""), "end by command")
        self.assertEqual(simulator.stop(), 0, simulator.errors())


if __name__ == "__main__":
    main()
