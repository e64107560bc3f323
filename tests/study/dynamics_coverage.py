"""Do the stated errors of dynamics cover, and does a uniform sample pass for one? Planted series of 64 x 64 pixels
through glasswatch-analyze, many times. Needs the release programs in GLASSWATCH_BIN.
    dynamics_coverage.py [--runs 40] [--frames 1000] [--tau-slots 68] [--speckle-px 1]"""
import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import h5py
import numpy as np

BIN = Path(os.environ.get("GLASSWATCH_BIN", "build/release/bin"))
SIZE, BETA, CONTRAST, MEAN, POOL = 64, 0.63, 0.1, 1000, 8
CONFIGURATION = """
acquisition {{ frame_period_s: 1 exposure_s: 0.9 }}
ecm {{ max_lag_s: {max_lag} pool_px: 8 fit_pixels: true two_time: false {labels} }}
"""


def relaxing(rng, frames, tau_slots, pixels):
    """(pixels, frames) of unit variance and correlation exp(-(t/tau)^beta), by circulant embedding."""
    size = 2 ** int(np.ceil(np.log2(2 * frames)))
    lag = np.minimum(np.arange(size), size - np.arange(size))
    spectrum = np.sqrt(np.maximum(np.fft.fft(np.exp(-(lag / tau_slots) ** BETA)).real, 0) / size)
    noise = rng.normal(size=((pixels + 1) // 2, size)) + 1j * rng.normal(size=((pixels + 1) // 2, size))
    series = np.fft.fft(spectrum * noise, axis=1)[:, :frames]
    return np.concatenate([series.real, series.imag])[:pixels].astype(np.float32)


def smooth(frames, size_px):
    """Periodic Gaussian smoothing that keeps the variance of white noise."""
    sigma = size_px / (4 * np.sqrt(np.log(2)))
    k = np.fft.fftfreq(SIZE)
    kernel = np.exp(-2 * (np.pi * sigma) ** 2 * (k[:, None] ** 2 + k[None, :] ** 2))
    kernel /= np.sqrt(np.mean(kernel ** 2))
    return np.fft.ifft2(np.fft.fft2(frames) * kernel).real


def planted(rng, options, label):
    """Counts (frames, rows, columns); pixels with label 2 relax in half the time."""
    x = np.empty((SIZE * SIZE, options.frames), np.float32)
    for kind, tau in ((1, options.tau_slots), (2, options.tau_slots / 2)):
        where = label.ravel() == kind
        if where.any():
            x[where] = relaxing(rng, options.frames, tau, int(where.sum()))
    x = x.T.reshape(options.frames, SIZE, SIZE)
    if options.speckle_px > 1:
        x = smooth(x, options.speckle_px)
    return np.rint(rng.poisson(np.maximum(MEAN * (1 + np.sqrt(CONTRAST) * x), 0))).astype(np.int16)


def analyze(folder, counts, label):
    np.save(folder / "stack.npy", counts)
    np.save(folder / "label.npy", label)
    labels = 'label_path: "label.npy"' if (label == 2).any() else "find_regions: false"
    (folder / "c.textproto").write_text(CONFIGURATION.format(max_lag=len(counts) // 2, labels=labels))
    subprocess.run([BIN / "glasswatch-analyze", "--config", folder / "c.textproto", "--output", folder / "o.h5",
                    folder / "stack.npy"], check=True, stdout=subprocess.DEVNULL)
    return h5py.File(folder / "o.h5")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--tau-slots", type=float, default=68)
    parser.add_argument("--speckle-px", type=float, default=1)
    options = parser.parse_args()
    uniform = np.ones((SIZE, SIZE), np.uint8)
    stripes = np.where(np.arange(SIZE) // 8 % 4 == 0, 2, 1).astype(np.uint8) * uniform
    cells, field, rejected, above, found, ratio = [], [], [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(options.runs):
            file = analyze(folder, planted(np.random.default_rng([1, seed]), options, uniform), uniform)
            tau, sigma = file["ecm/pooled/tau_s"][()], file["ecm/pooled/tau_sigma_s"][()]
            cells.append([np.log(tau / options.tau_slots).ravel(), (sigma / tau).ravel(),
                          file["ecm/pooled/beta"][()].ravel()])
            fit = file["ecm/field"].attrs
            field.append([np.log(fit["tau_s"] / options.tau_slots), fit["tau_sigma_s"] / fit["tau_s"]])
            rejected.append(file["ecm/heterogeneity"].attrs["p_value"])
            above.append([file[f"ecm/histogram/{kind}fraction"].attrs["fraction_above"] for kind in ("", "null_")])
            file = analyze(folder, planted(np.random.default_rng([2, seed]), options, stripes), stripes)
            found.append(file["ecm/heterogeneity"].attrs["p_value"])
            pair = file["ecm/regions/channel_over_matrix"].attrs
            ratio.append((pair["ln_tau_ratio"] + np.log(2)) / pair["ln_tau_ratio_sigma"])
    error, sigma, beta = np.concatenate(cells, axis=1)
    good = np.isfinite(error) & np.isfinite(sigma)
    z = np.abs(error[good] / sigma[good])
    print(f"{options.runs} runs, T/tau {options.frames / options.tau_slots:.1f}, speckle {options.speckle_px} px")
    print(f"pooled cells: mean dln {error[good].mean():+.3f}, mean beta {beta[good].mean():.3f}, sd {error[good].std():.3f}, "
          f"within 1 sigma {np.mean(z < 1):.3f}, 2 sigma {np.mean(z < 2):.3f}, without a value {np.mean(~good):.3f}")
    error, sigma = np.transpose(field)
    print(f"field: mean dln {error.mean():+.3f}, sd {error.std():.3f}, stated sigma {sigma.mean():.3f}")
    print(f"uniform samples rejected at .05: {np.mean(np.array(rejected) < 0.05):.3f}")
    print("pixels above the field's tau: data {:.3f}, null {:.3f}".format(*np.mean(above, axis=0)))
    print(f"channels of half the tau: largest p {np.max(found):.1e}; ratio within 1 sigma "
          f"{np.mean(np.abs(ratio) < 1):.2f}, 2 sigma {np.mean(np.abs(ratio) < 2):.2f}")


if __name__ == "__main__":
    main()
