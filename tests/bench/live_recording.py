"""Frames per second that the daemon records beside its analyses: 2048 x 2048 int16, counted electrons, played from memory as
fast as they are taken; and the compression that there is time for at 20 frames a second. Needs the release programs in GLASSWATCH_BIN and the modules
generated from the schemas on PYTHONPATH; `tests/bench.sh` sets both. `--json FILE` keeps the figures, `--directory DIR`
is where the recordings go (and are removed again)."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from processes import free_ports  # noqa: E402

BIN = Path(os.environ.get("GLASSWATCH_BIN", "build/release/bin"))
SIZE, LOOP, PATIENCE_S = 2048, 8, 120
CONFIGURATION = """
calibration {{ center_row_px: 1023.5 center_col_px: 1023.5 k_per_px_inv_nm: 0.0076 }}
symmetry {{ r_min_px: 360 r_max_px: 760 radial_bins: 90 azimuthal_bins: 360 ring_only: true }}
camera {{ kind: "ceta" endpoint: "{camera}" }}
service {{ results_endpoint: "{results}" control_endpoint: "{control}" status_period_s: 0.1 history_mib: 16 }}
{recording}
"""


def write_frames(path, mean, gain):
    """A ring pattern around its mean, counted electrons times the gain, read noise of 3 counts."""
    row, column = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    radius = np.hypot(row, column)
    expected = mean * (0.2 + np.exp(-0.5 * ((radius - 550) / 60) ** 2))
    random = np.random.default_rng(1)
    frames = [gain * random.poisson(expected) + random.normal(0, 3, expected.shape) for _ in range(LOOP)]
    np.save(path, np.rint(frames).astype("<i2"))


def status(control):
    done = subprocess.run([BIN / "glasswatch", "--control", control, "status", "--json"], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def run(folder, stack, frames, speed, recording):
    """Frames per second from the first to the last that was analysed, and what the recorder says at the end."""
    camera, results, control = (f"tcp://127.0.0.1:{port}" for port in free_ports(3))
    config = folder / "daemon.textproto"
    config.write_text(CONFIGURATION.format(camera=camera, results=results, control=control, recording=recording))
    with (folder / "daemon.log").open("w") as log:
        daemon = subprocess.Popen([BIN / "glasswatchd", "--config", config], stderr=log)
    while status(control) is None:
        if daemon.poll() is not None:
            sys.exit((folder / "daemon.log").read_text())
    replay = subprocess.Popen([BIN / "glasswatch-replay", stack, "--preload", "--repeat", str(frames // LOOP), "--speed",
                               speed, "--frame-period-s", "0.05", "--exposure-s", "0.05", "--camera-endpoint", camera],
                              stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    began = None
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        now, state = time.monotonic(), status(control)
        if began is None and int(state["processed"]) > 0:
            began = now, int(state["processed"])
        waits = state.get("recording", {}).get("state", "WAITING") != "RECORDING"
        if int(state["processed"]) == frames and waits:
            break
    rate = (frames - began[1]) / (now - began[0])
    replay.wait()
    daemon.terminate()
    daemon.wait()
    return rate, state.get("recording")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="glasswatch-bench-", dir=options.directory) as name:
        folder = Path(name)
        stack = folder / "frames.npy"
        print(f"{SIZE} x {SIZE} int16, {options.frames} frames, {os.cpu_count()} cores; sender, analysis and recorder together")
        print(f"{'electrons, gain':<18}{'compression':<14}{'frames/s':>10}{'MB/s of pixels':>16}{'ratio':>8}"
              f"{'ratio at 20/s':>15}{'not recorded':>14}")
        for mean, gain in ((2, 8), (20, 8), (200, 8)):
            write_frames(stack, mean, gain)
            for compression in (None, "COMPACT", "FAST", "STORED"):
                recording = "" if compression is None else (
                    f'recording {{ directory: "{folder}" mode: ALWAYS compression: {compression} queue_mib: 256 }}')
                rate, most = run(folder, stack, options.frames, "max", recording)
                steady = run(folder, stack, options.frames, "1", recording)[1] if compression else None
                for file in folder.glob("*.hspy"):
                    file.unlink()
                row = {"electrons": mean, "gain": gain, "compression": compression, "frames_per_s": rate}
                if compression:
                    row |= {"ratio": most["compression_ratio"], "ratio_at_20_per_s": steady["compression_ratio"],
                            "not_recorded": int(most["not_recorded"]) + int(steady["not_recorded"])}
                rows.append(row)
                print(f"{f'{mean}, {gain}':<18}{compression or '-':<14}{rate:>10.1f}{rate * SIZE * SIZE * 2 / 1e6:>16.0f}"
                      f"{row.get('ratio', 1):>8.2f}{row.get('ratio_at_20_per_s', 1):>15.2f}{row.get('not_recorded', 0):>14}",
                      flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
