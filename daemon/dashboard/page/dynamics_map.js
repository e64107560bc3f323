// Maps of the fits: pooled cells, and single pixels where they are fitted; τ on a logarithmic scale.
import { colorize, drawScale } from "/color_scale.js";
import { fitReason } from "/dynamics_data.js";
import { limits } from "/map_data.js";
import { fillSelect, MapImage } from "/map_image.js";
import { kMissing, measured, number, rounded } from "/values.js";

const kThinPx = 24;  // maps of a few rows or columns are stretched to this

// What can be looked at: of which units, its values, whether the scale is logarithmic, its unit.
const kQuantities = {
  cells_tau: { of: "cells", name: "τ of cells", values: (maps) => maps.tau_s, logarithmic: true, unit: " s" },
  cells_beta: { of: "cells", name: "β of cells", values: (maps) => maps.beta },
  cells_sigma: { of: "cells", name: "relative σ of τ, cells", unit: " %",
                 values: (maps) => maps.tau_s.map((tau, index) => 100 * maps.tau_sigma_s[index] / tau) },
  cells_contrast: { of: "cells", name: "A of cells", values: (maps) => maps.contrast },
  pixels_tau: { of: "pixels", name: "τ of single pixels", values: (maps) => maps.tau_s, logarithmic: true, unit: " s" },
  pixels_beta: { of: "pixels", name: "β of single pixels", values: (maps) => maps.beta },
};

export class DynamicsMap {
  constructor(panel) {
    this.dynamics = null;
    this.arrays = { cells: null, pixels: null };
    this.cursor = null;
    const part = (name) => panel.querySelector(`#dynamics-map-${name}`);
    this.parts = { canvas: part("image"), quantity: part("quantity"), trimmed: part("trimmed"), span: part("span"),
                   low: part("low"), middle: part("middle"), high: part("high"), caption: part("caption"), cursor: part("cursor"),
                   warning: part("warning") };
    this.image = new MapImage(this.parts.canvas);
    drawScale(part("scale"));
    this.parts.quantity.addEventListener("change", () => this.draw());
    this.parts.trimmed.addEventListener("click", () => this.press());
    this.parts.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.parts.canvas.addEventListener("mouseleave", () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.parts.canvas);
  }

  update(dynamics, arrays) {
    this.dynamics = dynamics;
    this.arrays = arrays;
    this.draw();
  }

  press() {
    const { trimmed } = this.parts;
    trimmed.setAttribute("aria-pressed", trimmed.getAttribute("aria-pressed") !== "true");
    this.draw();
  }

  point(event) {
    this.cursor = this.image.locate(event);
    this.showCursor();
  }

  get maps() { return this.arrays[this.quantity?.of] ?? null; }

  draw() {
    if (!this.dynamics) return;
    this.choose();
    this.showState();
    if (!this.maps) return;
    const values = this.quantity.values(this.maps);
    const { min, max, low, high } = limits(values);
    const trimmed = this.parts.trimmed.getAttribute("aria-pressed") === "true";
    const [from, to] = trimmed ? [low, high] : [min, max];
    const pixels = new Uint32Array(values.length);
    if (this.quantity.logarithmic) colorize(values.map(Math.log), Math.log(from), Math.log(to), pixels);
    else colorize(values, from, to, pixels);
    this.image.draw(pixels, this.maps.rows, this.maps.columns, kThinPx);
    this.showScale(from, to, min, max);
    this.showCursor();
  }

  choose() {
    const names = Object.keys(kQuantities).filter((name) => this.arrays[kQuantities[name].of]);
    const { quantity } = this.parts;
    fillSelect(quantity, names, (name) => kQuantities[name].name, names.includes(quantity.value) ? quantity.value : names[0]);
    this.quantity = kQuantities[quantity.value];
  }

  showScale(from, to, min, max) {
    const { low, middle, high } = this.parts;
    const shown = (value) => rounded(value, 3) + (Number.isFinite(value) ? this.quantity.unit ?? "" : "");
    low.textContent = (from > min ? "≤ " : "") + shown(from);
    middle.textContent = shown(this.quantity.logarithmic ? Math.sqrt(from * to) : (from + to) / 2);
    high.textContent = (to < max ? "≥ " : "") + shown(to);
  }

  showState() {
    const { span, caption, warning } = this.parts;
    const header = this.dynamics[this.quantity?.of];
    const ratio = number(header?.span_over_tau) || number(this.dynamics.field?.span_over_tau);
    span.textContent = `T/τ ${rounded(ratio, 2)}`;
    span.dataset.value = ratio;
    warning.textContent = this.dynamics.warning;
    caption.textContent = this.maps ? this.sizeText(header) : "no map yet";
  }

  sizeText(header) {
    const { rows, columns, tau_s: tau } = this.maps;
    const unusable = tau.reduce((count, value) => count + Number.isNaN(value), 0);
    const speckles = number(header.speckles_per_unit);
    const single = this.quantity.of === "pixels";
    const units = single ? `pixels${header.step_px > 1 ? `, one in ${header.step_px} along each axis` : ""}`
      : `cells of ${header.step_px} px${Number.isFinite(speckles) ? `, ${rounded(speckles, 2)} independent speckles each` : ""}`;
    return `${rows} × ${columns} ${units}; ${unusable} without a fit:`;
  }

  showCursor() {
    const { cursor } = this.parts;
    const maps = this.maps;
    cursor.textContent = "";
    if (!this.cursor || !maps || this.cursor.row >= maps.rows || this.cursor.column >= maps.columns) return;
    const { row, column } = this.cursor;
    const index = row * maps.columns + column;
    const place = `row ${row * maps.stepPx}, column ${column * maps.stepPx}`;
    cursor.textContent = `${this.quantity.of === "pixels" ? "pixel" : "cell from"} ${place}: ${fitText(maps, index)}`;
  }
}

function fitText(maps, index) {
  if (Number.isNaN(maps.tau_s[index])) return `no τ: ${fitReason(maps.status[index])}`;
  const value = (name) => maps[name]?.[index] ?? NaN;
  const beta = Number.isNaN(value("beta")) ? kMissing : measured(value("beta"), value("beta_sigma"));
  return `τ ${measured(value("tau_s"), value("tau_sigma_s"))} s, β ${beta}, A ${rounded(value("contrast"), 3)}`;
}
