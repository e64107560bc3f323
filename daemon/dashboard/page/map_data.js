// A map as it fills: put together from updates, in any order of arrival.
import { number } from "/values.js";

const kMostSampled = 65536;            // values behind a percentile: one in so many of a larger map

export class MapData {
  constructor(header) {
    const size = header.rows * header.columns;
    this.header = header;
    this.values = new Float32Array(size * header.channel.length).fill(NaN);
    this.arrived = new Uint8Array(size);
    this.count = 0;
  }

  get size() { return this.arrived.length; }

  /** Whether an update is of this map; each update of tiles is a map of its own. */
  continuedBy(header) {
    const mine = this.header;
    return header.kind === mine.kind && header.kind !== "TILES" && header.series_id === mine.series_id
      && header.rows === mine.rows && header.columns === mine.columns && header.channel.join("\n") === mine.channel.join("\n");
  }

  add(header, positions, values) {
    const channels = header.channel.length;
    this.header = header;
    positions.forEach((position, index) => {
      if (position >= this.size) return;
      this.values.set(values.subarray(index * channels, (index + 1) * channels), position * channels);
      this.count += 1 - this.arrived[position];
      this.arrived[position] = 1;
    });
  }

  value(position, channel) { return this.values[position * this.header.channel.length + channel]; }

  /** All values of a channel; NaN where there is none. */
  channel(index) {
    const channels = this.header.channel.length;
    const values = new Float32Array(this.size);
    for (let i = 0; i < this.size; ++i) values[i] = this.values[i * channels + index];
    return values;
  }

  /** Positions that the daemon has and this page was not given. */
  missed() { return Math.max(0, number(this.header.filled) - this.count); }
}

/** {min, max, low, high} of the values that there are: the whole range, and 1st and 99th percentile. NaN without any. */
export function limits(values) {
  let min = Infinity, max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (min > max) return { min: NaN, max: NaN, low: NaN, high: NaN };
  const step = Math.ceil(values.length / kMostSampled);
  const sample = values.filter((value, index) => index % step === 0 && !Number.isNaN(value)).sort();
  const quantile = (fraction) => sample[Math.round(fraction * (sample.length - 1))] ?? min;
  return { min, max, low: quantile(0.01), high: quantile(0.99) };
}
