"""Where are the motifs? Area under the ROC curve of four statistics, against dose and speckle contrast.

A nanobeam scan with planted fourfold columns is simulated and analysed live, glasswatch-simulate into glasswatchd; the
maps of its snapshot are held against the truth file. Prints a table and writes a plot. See README.md beside this file.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

SOURCE = Path(__file__).resolve().parents[2]
os.environ.setdefault("GLASSWATCH_BIN", str(SOURCE / "build/release/bin"))
sys.path.insert(0, str(SOURCE / "tests/system"))
from processes import PATIENCE_S, Addresses, Process, run  # noqa: E402

STATISTICS = {"power 4": "ring-mean power, n = 4", "power 4+8+12": "ring-mean power, n = 4 + 8 + 12",
              "coefficient": "disc-filtered coefficient, n = 4", "score": "scan statistic, n = 4"}
DOSES_E = (0.03, 0.1, 0.3, 1, 3, 10)
CONTRASTS = (1, 0.33, 0.1)  # normalised variance of the ring without noise
POSITIVE = 0.08             # share of the lit volume in fourfold motifs: above, there is one here
NEGATIVE = 0.002            # and below, none
SIZE_PX, CENTER_PX, K_PER_PX = 384, (190.3, 193.8), 0.031
STOP_PX = 43                # a tenth of the circle at 4.3 nm^-1
DISC_INV_NM = 0.39          # of the even disc whose speckles are as wide as those of a Gaussian probe of 1 nm

SCENARIO = """
name: "fourfold motifs"
seed: 20231101
mode: NANOBEAM
frames {{ rows: {size} columns: {size} frame_period_s: 0.025 exposure_s: 0.024 count: {count} dose_e_per_px: {dose}
         counts_per_electron: 8 }}
ramp {{ start_c: 25 stop_c: 25 rate_k_per_min: 20 }}
specimen {{
  field_nm: {field_nm}
  thickness_nm: 20
  column_nm: 10
  motif {{ kind: FOURFOLD radius_nm: 0.7 height_nm: 4 per_nm2_core: 0.03 per_nm2_channel: 0.03 }}
}}
nanobeam {{
  scan_rows: {scan} scan_columns: {scan} step_nm: 2
  k_per_px_inv_nm: {k_per_px} center_row_px: {center[0]} center_col_px: {center[1]}
  beam_stop_px: {stop} background: {background}
}}
detector {{ read_noise_counts: 3 }}
endpoints {{ camera: "{addresses.camera}" environment: "{addresses.environment}" control: "{addresses.microscope}" }}
"""

CONFIGURATION = """
calibration {{
  center_row_px: {center[0]} center_col_px: {center[1]} k_per_px_inv_nm: {k_per_px}
  mask_path: "stop.npy"
  disc_radius_px: {disc_px}
}}
detector {{ counts_per_electron: 8 read_noise_counts: 3 blur_sigma_px: 0.7 }}
symmetry {{
  r_min_px: 103 r_max_px: 175 radial_bins: 36 azimuthal_bins: 180
  ring_min_inv_nm: 3.7 ring_max_inv_nm: 4.9
  orders: [4, 8, 12]
  motif_scan: true
}}
"""


def background_of(contrast):
    """Smooth background, relative to the ring, that brings speckle of normalised variance 1 down to `contrast`."""
    return 1 / contrast ** 0.5 - 1


def stop_mask():
    """Pixels in the shadow of the beam stop, whose arm points to larger rows."""
    row, column = np.mgrid[:SIZE_PX, :SIZE_PX]
    row, column = row - CENTER_PX[0], column - CENTER_PX[1]
    to_arm = np.where(row > 0, np.abs(column), np.hypot(row, column))
    return (to_arm < STOP_PX + 1.5).astype(np.uint8)


def wait_until_complete(addresses, daemon):
    """Waits until the daemon has no series any more."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and daemon.running():
        status = run("glasswatch", "--control", addresses.service, "--timeout", 2, "status", "--json").stdout
        if '"IDLE"' in status:
            return
        time.sleep(0.1)
    raise RuntimeError("the daemon did not finish:\n" + daemon.errors())


def record(folder, scan, dose, contrast):
    """One scan, live. Returns the statistics' maps and the planted weights."""
    addresses = Addresses()
    common = {"center": CENTER_PX, "k_per_px": K_PER_PX}
    (folder / "scenario.textproto").write_text(SCENARIO.format(
        **common, size=SIZE_PX, count=scan * scan, scan=scan, field_nm=2 * scan + 4, dose=dose, stop=STOP_PX,
        background=background_of(contrast), addresses=addresses))
    (folder / "daemon.textproto").write_text(CONFIGURATION.format(**common, disc_px=DISC_INV_NM / K_PER_PX)
                                             + addresses.configuration())
    np.save(folder / "stop.npy", stop_mask())
    daemon = Process("glasswatchd", "--config", folder / "daemon.textproto")
    simulator = Process("glasswatch-simulate", folder / "scenario.textproto", "--speed", "max", "--wait-subscriber",
                        PATIENCE_S, "--truth", folder / "truth.h5")
    try:
        if simulator.wait(20 * PATIENCE_S) != 0:
            raise RuntimeError("the simulator failed:\n" + simulator.errors())
        wait_until_complete(addresses, daemon)
        done = run("glasswatch", "--control", addresses.service, "snapshot", folder / "snapshot.h5")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
    finally:
        simulator.kill()
        daemon.stop()
    return maps_of(folder)


def maps_of(folder):
    with h5py.File(folder / "snapshot.h5") as file, h5py.File(folder / "truth.h5") as truth:
        four = list(file["symmetry/orders"]).index(4)
        power = file["symmetry/map_power"][()]
        maps = {"power 4": power[..., four], "power 4+8+12": power.sum(axis=-1),
                "coefficient": file["symmetry/map_motif_coefficient"][..., four],
                "score": file["symmetry/map_score"][..., four]}
        return maps, truth["maps/fourfold_weight"][()]


def area_under_roc(positive, negative):
    """Probability that a positive exceeds a negative, ties half (Mann and Whitney, Ann. Math. Stat. 18 (1947) 50)."""
    positive, negative = positive[:, None], negative[None, :]
    return np.mean(positive > negative) + np.mean(positive == negative) / 2


def areas(maps, weight):
    """The area for each statistic; a position without a value (a ring darker than its read noise) counts as lowest."""
    filled = {name: np.nan_to_num(values, nan=-np.inf) for name, values in maps.items()}
    return {name: area_under_roc(values[weight > POSITIVE], values[weight < NEGATIVE])
            for name, values in filled.items()}


def simulated(scan):
    results = {}
    for contrast in CONTRASTS:
        for dose in DOSES_E:
            with tempfile.TemporaryDirectory(prefix="motif-roc-") as folder:
                maps, weight = record(Path(folder), scan, dose, contrast)
            results[contrast, dose] = areas(maps, weight)
            if len(results) == 1:
                print(f"{np.sum(weight > POSITIVE)} positions with a motif, {np.sum(weight < NEGATIVE)} without")
                print("contrast    dose  " + "  ".join(f"{name:>12}" for name in STATISTICS))
            print(f"{contrast:8} {dose:7}  " + "  ".join(f"{a:12.3f}" for a in results[contrast, dose].values()),
                  flush=True)
    return results


def lone_motifs(program):
    """The table that the unit test prints: four discs against two pairs on an even ring."""
    printed = subprocess.run([program.resolve(), "--gtest_filter=MotifRoc.ByHeightOverTheRing"], capture_output=True,
                             text=True, check=True).stdout
    rows = [[float(x) for x in line.split()] for line in printed.splitlines() if re.fullmatch(r"(\s*[\d.]+){6}", line)]
    return {(row[0], row[1]): dict(zip(STATISTICS, row[2:])) for row in rows}


def plot(panels, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(panels), 3, figsize=(10, 3.4 * len(panels)), sharey=True, squeeze=False)
    for row, (title, results) in zip(axes, panels):
        for panel, contrast in zip(row, sorted({contrast for contrast, _ in results}, reverse=True)):
            doses = sorted(dose for c, dose in results if c == contrast)
            for (name, label), style in zip(STATISTICS.items(), ("C0o-", "C0s:", "C1^--", "C3D-")):
                panel.plot(doses, [results[contrast, dose][name] for dose in doses], style, label=label, markersize=4)
            panel.set(xscale="log", ylim=(0.45, 1.02), xlabel="electrons per ring pixel",
                      title=f"{title} {contrast:g}")
            panel.axhline(0.5, color="0.7", linewidth=0.8)
            panel.grid(alpha=0.3)
        row[0].set_ylabel("area under ROC")
    axes[-1][-1].legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=int, default=40, help="positions along one side (default 40)")
    parser.add_argument("--plot", type=Path, default=SOURCE / "analysis/figures/motif_roc.png")
    parser.add_argument("--unit-test", type=Path, help="the program with the test MotifRoc, for the lone motifs")
    options = parser.parse_args()
    panels = []
    if options.unit_test:
        panels.append(("lone motif, height", lone_motifs(options.unit_test)))
    panels.append(("simulated scan, contrast", simulated(options.scan)))
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    plot(panels, options.plot)


if __name__ == "__main__":
    main()
