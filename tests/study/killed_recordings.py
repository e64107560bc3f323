"""Does every recording survive kill -9? The daemon records 2048 x 2048 pixels at 10 frames a second from the simulator and is
killed at a random moment, many times. Each file is repaired, opened with h5py, and compared with the checksums of the
simulator's truth. Needs the release programs in GLASSWATCH_BIN.
    killed_recordings.py [--kills 100] [--seed 1]"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from processes import free_ports  # noqa: E402

BIN = Path(os.environ.get("GLASSWATCH_BIN", "build/release/bin"))
SCENARIO = """
name: "killed"
seed: {seed}
frames {{ rows: 2048 columns: 2048 frame_period_s: 0.1 exposure_s: 0.09 dose_e_per_px: 20 counts_per_electron: 8 prepared_loop: 2 }}
ramp {{ start_c: 300 stop_c: 400 rate_k_per_min: 600 hold_after_s: 36000 }}
pattern {{ center_row_px: 1023 center_col_px: 1023 ring_radius_px: 500 ring_width_px: 60 background: 0.1 planted_order: 4
           amplitude: 0.3 onset_c: 100 full_c: 200 }}
endpoints {{ camera: "{camera}" environment: "{environment}" control: "{microscope}" }}
"""
CONFIGURATION = """
camera {{ kind: "ceta" endpoint: "{camera}" }}
environment {{ kind: "axon" endpoint: "{environment}" }}
service {{ results_endpoint: "{results}" control_endpoint: "{control}" }}
recording {{ directory: "." mode: ALWAYS }}
"""


def recorded_frames(control):
    done = subprocess.run([BIN / "glasswatch", "--control", control, "status", "--json"], capture_output=True, text=True)
    return int(json.loads(done.stdout)["recording"]["frames"]) if done.returncode == 0 else -1


def kill_one(folder, random, seed):
    """(frames the recorder had said to have written, frames in the file after repair, what repair did)"""
    names = ("camera", "environment", "microscope", "results", "control")
    addresses = {name: f"tcp://127.0.0.1:{port}" for name, port in zip(names, free_ports(5))}
    (folder / "scenario.textproto").write_text(SCENARIO.format(seed=seed, **addresses))
    (folder / "daemon.textproto").write_text(CONFIGURATION.format(**addresses))
    daemon = subprocess.Popen([BIN / "glasswatchd", "--config", folder / "daemon.textproto"], stderr=subprocess.DEVNULL)
    simulator = subprocess.Popen([BIN / "glasswatch-simulate", folder / "scenario.textproto", "--speed", "1", "--frames", "100",
                                  "--wait-subscriber", "30", "--truth", folder / "truth.h5"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while recorded_frames(addresses["control"]) < 1:
        pass
    time.sleep(random.uniform(0, 4))  # the moment of the kill
    told = recorded_frames(addresses["control"])
    daemon.kill()
    daemon.wait()
    simulator.terminate()
    simulator.wait()
    (path,) = folder.glob("*.hspy")
    repaired = subprocess.run([BIN / "glasswatch", "repair", path], capture_output=True, text=True)
    if repaired.returncode != 0:
        sys.exit(f"kill {seed}: {repaired.stderr}")
    with h5py.File(path) as file, h5py.File(folder / "truth.h5") as truth:
        (experiment,) = file["Experiments"].values()
        found = [zlib.adler32(frame.tobytes()) for frame in experiment["data"]]
        planted = [int(c) for c in truth["frames/checksum"][:len(found)]]
    if found != planted:
        sys.exit(f"kill {seed}: frames were altered or are missing in between")
    for file in list(folder.glob("*.hspy*")) + [folder / "truth.h5"]:
        file.unlink()
    return told, len(found), repaired.stdout.strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    missing, kinds = [], {}
    for kill in range(options.kills):
        with tempfile.TemporaryDirectory(prefix="glasswatch-study-") as name:
            told, found, said = kill_one(Path(name), random, kill + 1)
        missing.append(told - found)
        kind = next((word for word in ("closed", "rebuilt", "sound") if word in said), "?")
        kinds[kind] = kinds.get(kind, 0) + 1
        print(f"kill {kill + 1}: told {told}, in the file {found}: {said}", flush=True)
    print(f"{options.kills} kills: all files opened, no frame altered; told as written and missing: at most {max(missing)} frames "
          f"(mean {np.mean(np.maximum(missing, 0)):.2f}); repairs: {kinds}")


if __name__ == "__main__":
    main()
