// What the ring power of each order is worth, and how to say it: PowerState of the frames' results.

const kFrames = 50;
const kShare = 0.5;
const kKnown = { CONSISTENT_WITH_NOISE: "consistent with noise", GAIN_LIMITED: "gain-limited: the noise floor is above half of the signal",
                 NO_FLOOR: "no floor: camera gain unknown", NO_POWER: "no valid radius in the ring" };

/** The state that more than half of the last frames of a series have, order by order. */
export class RingStates {
  constructor() {
    this.clear();
  }

  clear() {
    this.seriesId = null;
    this.frames = [];  // states by order
  }

  add(frame, orders) {
    if (frame.series_id !== this.seriesId) this.clear();
    this.seriesId = frame.series_id;
    const states = frame.symmetry?.ring_state ?? [];
    if (states.length !== orders.length) return;
    this.frames.push(new Map(orders.map((order, index) => [order, states[index]])));
    if (this.frames.length > kFrames) this.frames.shift();
  }

  /** A PowerState, or "" where the frames do not agree. */
  of(order) {
    const counts = new Map();
    for (const frame of this.frames) counts.set(frame.get(order), (counts.get(frame.get(order)) ?? 0) + 1);
    const [state, count] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
    return state && count > kShare * this.frames.length ? state : "";
  }
}

/** What to say of an order beside its numbers; "" when nothing needs to be said. */
export function stateText(order, state) {
  const odd = order % 2 === 1;
  if (kKnown[state]) return `${odd ? "odd " : ""}n = ${order}: ${kKnown[state]}`;
  return odd ? `odd n = ${order}: expected 0 for a thin film (Friedel's law)` : "";
}

/** What is wrong with the floor of one frame's orders; "" when nothing is. */
export function stateWarnings(orders, states) {
  const warnings = [];
  const limited = orders.filter((_, index) => states[index] === "GAIN_LIMITED");
  if (limited.length > 0) warnings.push(`gain-limited: n = ${limited.join(", ")}`);
  if (states.includes("NO_FLOOR")) warnings.push(kKnown.NO_FLOOR);
  return warnings.join(" · ");
}
