#!/usr/bin/env python3
"""Draws the tile maps of a series of images, with the places of known nuclei, from a result of glasswatch-analyze.

    tile_maps.py RESULT.h5 --pixel-nm 0.05 [--frames FRAMES.npy] [--truth TRUTH.json] --output tile_maps.png

RESULT.h5: /tiles/power (M, rows, columns, N), /tiles/ring_mean, /tiles/peak (M, rows, columns), /tiles/sequence (M).
FRAMES.npy: (T, rows, columns); the image of the last map is drawn beside the maps. TRUTH.json: {"nuclei": [{"x_nm",
"y_nm", "t0" (frame), "rate" (nm per frame), "vis110_3nm"}]}. Maps are drawn as measured, one value per tile, tiles overlap.
"""
import argparse
import json

import h5py
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402: the backend must be chosen first

VISIBLE = 0.5  # of vis110_3nm


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result")
    parser.add_argument("--pixel-nm", type=float, required=True)
    parser.add_argument("--tile-px", type=int, default=64)
    parser.add_argument("--step-px", type=int, default=32)
    parser.add_argument("--orders", type=int, nargs="+", default=list(range(2, 13)), help="of the last axis of power")
    parser.add_argument("--frames")
    parser.add_argument("--truth")
    parser.add_argument("--output", required=True)
    return parser.parse_args()


class Grid:
    """Where the tiles are."""

    def __init__(self, args, rows, columns):
        self.tile_nm = args.tile_px * args.pixel_nm
        self.step_nm = args.step_px * args.pixel_nm
        self.rows, self.columns = rows, columns

    def extent(self):
        left = (self.tile_nm - self.step_nm) / 2
        return [left, left + self.columns * self.step_nm, left + self.rows * self.step_nm, left]

    def centres_nm(self, count):
        return self.tile_nm / 2 + np.arange(count) * self.step_nm

    def tile_of(self, nucleus):
        return (int(np.argmin(abs(self.centres_nm(self.rows) - nucleus["y_nm"]))),
                int(np.argmin(abs(self.centres_nm(self.columns) - nucleus["x_nm"]))))

    def without(self, nuclei):
        """Tiles whose area holds no nucleus' centre."""
        free = np.ones((self.rows, self.columns), bool)
        for nucleus in nuclei:
            near = np.outer(abs(self.centres_nm(self.rows) - nucleus["y_nm"]) <= self.tile_nm,
                            abs(self.centres_nm(self.columns) - nucleus["x_nm"]) <= self.tile_nm)
            free &= ~near
        return free


def diameter_nm(nucleus, sequence):
    return max(0.0, (sequence - nucleus["t0"]) * nucleus["rate"])


def circle_nuclei(axes, nuclei, sequence):
    for nucleus in nuclei:
        visible = nucleus["vis110_3nm"] > VISIBLE
        axes.add_patch(plt.Circle((nucleus["x_nm"], nucleus["y_nm"]), max(diameter_nm(nucleus, sequence) / 2, 0.2),
                                  fill=False, edgecolor="red" if visible else "orange",
                                  linestyle="-" if visible else ":", linewidth=1.5))


def draw_map(figure, axes, values, extent, title, nuclei, sequence, colours="viridis"):
    image = axes.imshow(values, extent=extent, cmap=colours, interpolation="nearest")
    figure.colorbar(image, ax=axes, fraction=0.046)
    circle_nuclei(axes, nuclei, sequence)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("nm")


def draw_course(axes, peak, sequences, grid, nuclei):
    free = grid.without(nuclei)
    axes.fill_between(sequences, np.nanmin(peak[:, free], axis=1), np.nanmax(peak[:, free], axis=1), color="0.8",
                      label=f"{free.sum()} tiles without a nucleus")
    for nucleus in nuclei:
        visible = nucleus["vis110_3nm"] > VISIBLE
        i, j = grid.tile_of(nucleus)
        axes.plot(sequences, peak[:, i, j], color="red" if visible else "orange", linestyle="-" if visible else ":",
                  label=f"visibility {nucleus['vis110_3nm']:.2f}")
        if visible:
            axes.axvline(nucleus["t0"] + 3 / nucleus["rate"], color="red", linewidth=0.7)
    axes.set_yscale("log")
    axes.set_xlabel("frame; line: 3 nm")
    axes.set_title("peak", fontsize=10)
    axes.legend(fontsize=7)


def main():
    args = arguments()
    with h5py.File(args.result, "r") as result:
        tiles = {name: result["tiles"][name][...] for name in ("power", "ring_mean", "peak", "sequence")}
    nuclei = []
    if args.truth:
        with open(args.truth, encoding="utf-8") as truth:
            nuclei = json.load(truth)["nuclei"]
    grid = Grid(args, *tiles["peak"].shape[1:])
    last = int(tiles["sequence"][-1])

    figure, panels = plt.subplots(2, 4, figsize=(17, 8), constrained_layout=True)
    panels = list(panels.flat)
    extent = grid.extent()
    if args.frames:
        frame = np.load(args.frames, mmap_mode="r")[last]
        whole = [0, frame.shape[1] * args.pixel_nm, frame.shape[0] * args.pixel_nm, 0]
        draw_map(figure, panels[0], frame, whole, f"image {last}, counts", nuclei, last, "gray")
    else:
        panels[0].set_axis_off()
    draw_map(figure, panels[1], tiles["peak"][-1], extent, "peak", nuclei, last)
    draw_map(figure, panels[2], tiles["ring_mean"][-1], extent, "ring mean", nuclei, last)
    if nuclei:
        draw_course(panels[3], tiles["peak"], tiles["sequence"], grid, nuclei)
    else:
        panels[3].set_axis_off()
    for axes, order in zip(panels[4:], (2, 4, 6, 8)):
        power = tiles["power"][-1, :, :, args.orders.index(order)]
        draw_map(figure, axes, power, extent, f"power, n = {order}", nuclei, last)
    figure.savefig(args.output, dpi=64)


if __name__ == "__main__":
    main()
