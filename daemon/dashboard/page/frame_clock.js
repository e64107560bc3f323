// How old the newest frame is and how fast frames come, by the daemon's clock: the browser's may be wrong.
import { number, secondsBetween } from "/values.js";

const kRateFrames = 30;
const kRateWindowS = 30;

export class FrameClock {
  constructor() {
    this.arrivals = [];        // {receivedNs, sequence} of the present series
    this.seriesId = null;
    this.publishedNs = null;   // latest daemon time heard of, and when it was heard
    this.heardAt = NaN;
  }

  hear(publishedNs) {
    if (this.publishedNs !== null && BigInt(publishedNs) <= BigInt(this.publishedNs)) return;
    this.publishedNs = publishedNs;
    this.heardAt = performance.now();
  }

  addFrame(frame) {
    const last = this.arrivals.at(-1);
    if (frame.series_id !== this.seriesId || (last && number(frame.sequence) < last.sequence)) this.arrivals = [];
    this.seriesId = frame.series_id;
    this.arrivals.push({ receivedNs: frame.received_utc_ns, sequence: number(frame.sequence) });
    while (this.arrivals.length > kRateFrames
           || (this.arrivals.length > 3 && this.spanS() > kRateWindowS)) this.arrivals.shift();
  }

  spanS() { return secondsBetween(this.arrivals[0].receivedNs, this.arrivals.at(-1).receivedNs); }

  /** Frames a second by sequence number, so that lost ones count; NaN before the second frame. */
  rateHz() {
    if (this.arrivals.length < 2 || !(this.spanS() > 0)) return NaN;
    return (this.arrivals.at(-1).sequence - this.arrivals[0].sequence) / this.spanS();
  }

  /** Seconds since the newest frame was received; NaN before the first. */
  ageS() {
    if (this.arrivals.length === 0 || this.publishedNs === null) return NaN;
    const sinceHeardS = (performance.now() - this.heardAt) / 1000;
    return Math.max(0, secondsBetween(this.arrivals.at(-1).receivedNs, this.publishedNs)) + sinceHeardS;
  }
}
