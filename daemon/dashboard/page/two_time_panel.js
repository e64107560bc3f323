// The two-time map C(t1, t2): t1 to the right, t2 upwards; the diagonal is shot noise and missing.
import { elapsed } from "/chart_style.js";
import { colorize, drawScale } from "/color_scale.js";
import { limits } from "/map_data.js";
import { fillSelect, MapImage } from "/map_image.js";
import { fixed, kMissing, number, numbers, rounded } from "/values.js";

const kMostMomentary = 8;

export class TwoTimePanel {
  constructor(panel) {
    this.twoTime = null;   // of dynamics_data.js
    this.momentary = [];   // [{center, tau}] by unit
    this.cursor = null;
    const part = (name) => panel.querySelector(`#two-time-${name}`);
    this.parts = { canvas: part("image"), unit: part("unit"), low: part("low"), middle: part("middle"), high: part("high"),
                   caption: part("caption"), cursor: part("cursor"),
                   span: part("span") };
    this.image = new MapImage(this.parts.canvas);
    drawScale(part("scale"));
    this.parts.unit.addEventListener("change", () => this.draw());
    this.parts.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.parts.canvas.addEventListener("mouseleave", () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.parts.canvas);
  }

  update(dynamics, twoTime) {
    this.twoTime = twoTime;
    this.momentary = twoTime ? momentaryOf(dynamics.two_time, twoTime.units.length) : [];
    this.parts.span.textContent = `T/τ ${rounded(number(dynamics.field?.span_over_tau), 2)}`;
    this.draw();
  }

  draw() {
    const { unit, low, middle, high } = this.parts;
    if (!this.twoTime) {
      this.parts.caption.textContent = "none yet";
      return;
    }
    const { units, matrices, times } = this.twoTime;
    fillSelect(unit, units, (name) => name, units.includes(unit.value) ? unit.value : units[0]);
    unit.hidden = units.length < 2;
    this.matrix = matrices[unit.selectedIndex];
    const range = limits(this.matrix);
    const pixels = new Uint32Array(this.matrix.length);
    colorize(upsideDown(this.matrix, times.length), range.low, range.high, pixels);
    this.image.draw(pixels, times.length, times.length);
    low.textContent = `≤ ${fixed(range.low, 4)}`;
    middle.textContent = fixed((range.low + range.high) / 2, 4);
    high.textContent = `≥ ${fixed(range.high, 4)}`;
    this.showCaption(this.momentary[unit.selectedIndex] ?? []);
    this.showCursor();
  }

  showCaption(momentary) {
    const { times } = this.twoTime;
    const span = `t₁ →, t₂ ↑: ${elapsed(times[0])} to ${elapsed(times.at(-1))}, ${times.length} frames`;
    const step = Math.ceil(momentary.length / kMostMomentary);
    const shown = momentary.filter((_, index) => index % step === 0).map(({ tau }) => (tau > 0 ? rounded(tau, 3) : kMissing));
    this.parts.caption.textContent = span + (shown.length > 0 ? `; momentary τ ${shown.join(" · ")} s` : "");
  }

  point(event) {
    this.cursor = this.image.locate(event);
    this.showCursor();
  }

  showCursor() {
    const { cursor } = this.parts;
    cursor.textContent = "";
    if (!this.cursor || !this.twoTime || this.cursor.row >= this.twoTime.times.length) return;
    const { times } = this.twoTime;
    const second = times.length - 1 - this.cursor.row, first = this.cursor.column;
    const value = this.matrix[second * times.length + first];
    cursor.textContent = `t₁ ${elapsed(times[first])}, t₂ ${elapsed(times[second])}: `
      + (Number.isNaN(value) ? "no value" : `C ${fixed(value, 4)}`);
  }
}

function momentaryOf(message, units) {
  const taus = numbers(message.momentary_tau_s), centers = numbers(message.momentary_center_s);
  const windows = taus.length / units;
  if (!Number.isInteger(windows) || centers.length !== taus.length) return [];
  return Array.from({ length: units }, (_, unit) => taus.slice(unit * windows, (unit + 1) * windows)
    .map((tau, index) => ({ tau, center: centers[unit * windows + index] })));
}

function upsideDown(matrix, size) {
  const turned = new Float32Array(matrix.length);
  for (let row = 0; row < size; ++row) turned.set(matrix.subarray(row * size, (row + 1) * size), (size - 1 - row) * size);
  return turned;
}
