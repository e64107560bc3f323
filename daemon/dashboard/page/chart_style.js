// What all charts share: colours, axes, no animation.
import { exponential } from "/values.js";

const kText = "#9fb0c0";
const kGrid = "#1c2630";
// Okabe and Ito's palette, lightened for a dark ground: told apart by colour-blind eyes too.
const kPalette = ["#56b4e9", "#e69f00", "#3fc79a", "#f0e442", "#ff7f4d", "#d98fbc", "#b8c4d0"];

export const kTemperatureColor = "#ffc46b";
export const kG2Color = "#56b4e9";

/** Even orders solid and odd ones dashed; neighbours n and n + 1 share a colour. */
export function orderColor(order) { return kPalette[(Math.floor(order / 2) + kPalette.length - 1) % kPalette.length]; }
export function orderDash(order) { return order % 2 ? [4, 3] : []; }

/** How field and regions are drawn: told apart by shape as well as by colour. */
export function unitStyle(name) {
  const [color, point, dash] = { matrix: ["#e69f00", "rect", [7, 3]], channel: ["#3fc79a", "triangle", [2, 3]] }[name]
    ?? [kG2Color, "circle", []];
  return { color, point, dash };
}

export function axis(title, more = {}) {
  return {
    type: "linear",
    grid: { color: kGrid, borderColor: kGrid },
    title: { display: title !== "", text: title, color: kText, padding: 1 },
    ...more,
    ticks: { color: kText, maxRotation: 0, font: { size: 12 }, ...more.ticks },
  };
}

export function options(scales, plugins = {}) {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    parsing: false,
    normalized: true,
    interaction: { mode: "nearest", axis: "x", intersect: false },
    elements: { line: { borderWidth: 1.6 }, point: { radius: 0, hitRadius: 6 } },
    scales,
    layout: {},
    plugins: { legend: { display: false }, ...plugins },
  };
}

/** The lower end of a logarithmic axis over these values: a power of ten, at most four decades below the upper one.
    Chart.js by itself ends one decade below the largest as soon as a value is not positive. */
export function logFloor(values) {
  let least = Infinity, largest = 0;
  for (const value of values) {
    if (value > largest) largest = value;
    if (value > 0 && value < least) least = value;
  }
  return largest > 0 ? 10 ** Math.max(Math.floor(Math.log10(least)), Math.ceil(Math.log10(largest)) - 4) : undefined;
}

/** Tick labels of powers: only the decades on a logarithmic axis. */
export function powerTick(logarithmic, value) {
  if (!logarithmic) return exponential(value, 1);
  return Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9 ? exponential(value, 0) : "";
}

/** Tick labels of a logarithmic axis (a Chart.js callback): decades, and over less than two of them 1, 2 and 5. */
export function logarithmicTick(value) {
  const mantissa = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
  const labelled = this.max / this.min < 100 ? [1, 2, 5] : [1];
  return labelled.some((one) => Math.abs(mantissa - one) < 1e-6) ? String(Number(value.toPrecision(1))) : "";
}

/** Ticks of a time axis in place of Chart.js's own, whose steps suit no clock. */
export function timeTicks(scale) {
  const step = timeStepS(scale.max - scale.min, Math.max(2, scale.width / 60));
  const ticks = [];
  for (let i = Math.ceil(scale.min / step); i * step <= scale.max; ++i) ticks.push({ value: i * step });
  scale.ticks = ticks;
}

function timeStepS(rangeS, most) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  return steps.find((step) => rangeS / step <= most) ?? 172800;
}

/** "1:05" or "1:02:05" or, below a minute's resolution, "0:05.2" */
export function elapsed(seconds) {
  const tenths = Math.round(seconds * 10);
  const pad = (value) => String(value).padStart(2, "0");
  const s = Math.floor(tenths / 10) % 60, m = Math.floor(tenths / 600) % 60, h = Math.floor(tenths / 36000);
  const fraction = tenths % 10 ? `.${tenths % 10}` : "";
  return h ? `${h}:${pad(m)}:${pad(s)}${fraction}` : `${m}:${pad(s)}${fraction}`;
}
