// What the page remembers of the frames it has seen: bounded, for the charts over time.
import { fixed, number, numbers, secondsBetween } from "/values.js";

const kMostPoints = 4000;
const kMostMarks = 200;
const kNewRunS = 3600;       // a later pause than this is another experiment, not a longer axis
const kBreakPeriods = 5;     // frames this many periods apart are not joined by a line

export class History {
  constructor(orders) {
    this.orders = orders;
    this.clear();
  }

  clear() {
    this.originNs = null;    // UTC of t = 0
    this.temperature = [];   // {x: s, y: °C}; NaN where invalid
    this.lower = [];         // T − u, T + u
    this.upper = [];
    this.power = this.orders.map(() => []);
    this.invalid = [];       // {from, to, reason}: stretches without a temperature
    this.triggers = [];      // {x, label}
    this.periodS = NaN;      // typical time between frames
  }

  get length() { return this.temperature.length; }
  get lastS() { return this.length ? this.temperature[this.length - 1].x : NaN; }

  addFrame(frame) {
    if (this.originNs === null) this.originNs = frame.time_utc_ns;
    let t = secondsBetween(this.originNs, frame.time_utc_ns);
    if (t < this.lastS || t > this.lastS + kNewRunS) {
      this.clear();
      this.originNs = frame.time_utc_ns;
      t = 0;
    }
    const stepS = t - this.lastS;
    if (stepS === 0) return;  // a late joiner gets the last frame twice
    if (stepS > kBreakPeriods * this.periodS) this.push(t - stepS / 2, NaN, NaN, []);
    else if (Number.isFinite(stepS)) this.periodS = Number.isNaN(this.periodS) ? stepS : 0.9 * this.periodS + 0.1 * stepS;

    const valid = frame.temperature?.validity === "VALID";
    if (!valid) this.addInvalid(t, frame.temperature?.validity ?? "VALIDITY_UNSPECIFIED");
    const power = frame.symmetry?.validity === "VALID" ? numbers(frame.symmetry.ring_power) : [];
    this.push(t, valid ? number(frame.temperature.value_c) : NaN, number(frame.temperature?.sigma_c), power);
    if (this.length >= kMostPoints) this.halve();
  }

  push(x, value, sigma, power) {
    const u = Number.isFinite(sigma) ? sigma : 0;
    this.temperature.push({ x, y: value });
    this.lower.push({ x, y: value - u });
    this.upper.push({ x, y: value + u });
    this.power.forEach((points, index) => points.push({ x, y: power[index] ?? NaN }));
  }

  addInvalid(t, validity) {
    const last = this.invalid.at(-1);
    if (last && last.reason === validity && last.to === this.lastS) {
      last.to = t;
    } else {
      this.invalid.push({ from: t, to: t, reason: validity });
      if (this.invalid.length > kMostMarks) this.invalid.shift();
    }
  }

  addTrigger(trigger) {
    if (this.originNs === null) return;
    const x = secondsBetween(this.originNs, trigger.time_utc_ns);
    if (x < 0 || x > this.lastS + kNewRunS) return;  // of an earlier run
    this.triggers.push({ x, label: `${fixed(number(trigger.temperature?.value_c), 1)} °C` });
    if (this.triggers.length > kMostMarks) this.triggers.shift();
  }

  // Replaces neighbours by their mean. A pair with a missing value stays missing, so no gap is ever bridged.
  halve() {
    const halved = (points) => {
      const kept = [];
      for (let i = 0; i + 1 < points.length; i += 2) {
        kept.push({ x: (points[i].x + points[i + 1].x) / 2, y: (points[i].y + points[i + 1].y) / 2 });
      }
      if (points.length % 2) kept.push(points.at(-1));
      return kept;
    };
    this.temperature = halved(this.temperature);
    this.lower = halved(this.lower);
    this.upper = halved(this.upper);
    this.power = this.power.map(halved);
  }
}
