// The stream from the daemon: reconnects by itself, with growing pauses.
import { unpackDynamics } from "/dynamics_data.js";

const kFirstPauseS = 0.5;
const kLongestPauseS = 10;
// A host that vanished never closes the connection. Longer than the longest status_period_s.
const kSilentS = 75;
const kMostMapValues = 64 * 1024 * 1024;  // as the daemon

export class Connection {
  /** onText(object), onImage(header, pixels), onMap(message, positions, values), onDynamics(message, arrays of
      dynamics_data.js); only with well-formed messages. */
  constructor(url, { onText, onImage, onMap, onDynamics }) {
    this.url = url;
    this.onText = onText;
    this.onImage = onImage;
    this.onMap = onMap;
    this.onDynamics = onDynamics;
    this.phase = "connecting";  // connecting, connected, waiting
    this.unreadable = 0;        // messages that could not be decoded
    this.pauseS = kFirstPauseS;
    this.retryAt = 0;
    this.lastMessageAt = NaN;
    this.open();
  }

  open() {
    this.phase = "connecting";
    this.openedAt = performance.now();
    this.socket = new WebSocket(this.url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => { this.phase = "connected"; };
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = () => this.wait();
  }

  receive(data) {
    this.lastMessageAt = performance.now();
    this.pauseS = kFirstPauseS;
    let deliver;
    try {
      deliver = typeof data === "string" ? this.text(data) : this.binary(data);
    } catch {
      this.unreadable += 1;
      return;
    }
    deliver();
  }

  text(data) {
    const message = JSON.parse(data);
    return () => this.onText(message);
  }

  // u32 little-endian length of the header, the header as JSON, then its arrays.
  binary(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    if (header.map) {
      const [positions, values] = mapArrays(header.map, buffer.slice(4 + length));
      return () => this.onMap(header, positions, values);
    }
    if (header.dynamics) {
      const arrays = unpackDynamics(header.dynamics, buffer.slice(4 + length));
      return () => this.onDynamics(header, arrays);
    }
    const pixels = new Uint8Array(buffer, 4 + length);
    if (pixels.length !== header.rows * header.columns) throw new RangeError("pixels do not fit the header");
    return () => this.onImage(header, pixels);
  }

  wait() {
    this.phase = "waiting";
    this.retryAt = performance.now() + 1000 * this.pauseS;
    this.pauseS = Math.min(2 * this.pauseS, kLongestPauseS);
  }

  /** To be called a few times a second. */
  tick() {
    const now = performance.now();
    if (this.phase === "waiting") {
      if (now >= this.retryAt) this.open();
      return;
    }
    const heard = Number.isNaN(this.lastMessageAt) ? this.openedAt : Math.max(this.lastMessageAt, this.openedAt);
    if (now - heard > 1000 * kSilentS) {
      this.socket.onclose = null;
      this.socket.onmessage = null;
      this.socket.close();
      this.wait();
    }
  }

  retryInS() { return Math.max(0, (this.retryAt - performance.now()) / 1000); }

  /** Seconds since the last message; NaN before the first. */
  silenceS() { return (performance.now() - this.lastMessageAt) / 1000; }
}

// Positions as u32, then (positions, channels) values as float, little-endian as every machine with a browser.
function mapArrays(map, bytes) {
  const size = map.rows * map.columns * map.channel.length;
  if (!(size > 0 && size <= kMostMapValues)) throw new RangeError("a map of that size is not shown");
  const count = bytes.byteLength / 4 / (1 + map.channel.length);
  if (!Number.isInteger(count)) throw new RangeError("the arrays of a map do not fit its channels");
  return [new Uint32Array(bytes, 0, count), new Float32Array(bytes, 4 * count)];
}
