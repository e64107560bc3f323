// The map panel: a scan, or the tiles of an image, one channel at a time.
import { colorize, drawScale } from "/color_scale.js";
import { limits, MapData } from "/map_data.js";
import { fillSelect, MapImage } from "/map_image.js";
import { stateText } from "/ring_states.js";
import { compact, fixed, kMissing, number } from "/values.js";

const kThinPx = 24;  // a map of a few rows or columns is stretched to this, and it is said
const kPreferred = /^power 4$/;

export class MapPanel {
  /** `stateOf(order)` is what the last frames say of an order's power; `seriesId()` that of the frames. */
  constructor(panel, { stateOf, seriesId }) {
    this.panel = panel;
    this.stateOf = stateOf;
    this.seriesId = seriesId;
    this.maps = new Map();  // kind -> MapData
    this.kind = null;
    this.cursor = null;     // {row, column} under the mouse
    this.requested = false;
    const part = (name) => panel.querySelector(`#map-${name}`);
    this.parts = { canvas: part("image"), kind: part("kind"), channel: part("channel"), trimmed: part("trimmed"), unit: part("unit"),
                   low: part("low"), middle: part("middle"), high: part("high"), caption: part("caption"), progress: part("progress"),
                   cursor: part("cursor"), note: part("note"), missed: part("missed") };
    this.image = new MapImage(this.parts.canvas);
    drawScale(part("scale"));
    for (const select of [this.parts.kind, this.parts.channel]) select.addEventListener("change", () => this.choose(select));
    for (const button of [this.parts.trimmed, this.parts.unit]) button.addEventListener("click", () => this.press(button));
    this.parts.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.parts.canvas.addEventListener("mouseleave", () => this.point(null));
    new ResizeObserver(() => this.request()).observe(this.parts.canvas);
  }

  /** Takes an update. A map of another series or of tiles begins anew; the kind that began last is shown. */
  add(header, positions, values) {
    let map = this.maps.get(header.kind);
    if (!map?.continuedBy(header)) {
      const begun = map?.header.series_id !== header.series_id;
      map = new MapData(header);
      this.maps.set(header.kind, map);
      if (begun) this.kind = header.kind;
    }
    map.add(header, positions, values);
    this.request();
  }

  get map() { return this.maps.get(this.kind); }

  choose(select) {
    if (select === this.parts.kind) this.kind = select.value;
    this.request();
  }

  press(button) {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    this.request();
  }

  pressed(name) { return this.parts[name].getAttribute("aria-pressed") === "true"; }

  point(event) {
    this.cursor = this.image.locate(event);
    this.showCursor();
  }

  request() {
    if (this.requested) return;
    this.requested = true;
    requestAnimationFrame(() => {
      this.requested = false;
      this.draw();
    });
  }

  draw() {
    if (!this.map) return;
    this.panel.hidden = false;
    document.getElementById("main").dataset.map = "true";
    this.fillSelects();
    const values = this.map.channel(this.channel());
    this.range = limits(values);
    const { min, max, low, high } = this.range;
    const [from, to] = this.pressed("trimmed") ? [low, high] : [min, max];
    this.drawImage(values, from, to);
    this.showScale(from, to);
    this.showState();
    this.showCursor();
  }

  channel() { return Math.max(0, this.map.header.channel.indexOf(this.parts.channel.value)); }

  fillSelects() {
    const { kind, channel } = this.parts;
    fillSelect(kind, [...this.maps.keys()], (name) => ({ SCAN: "scan", TILES: "tiles" }[name] ?? name), this.kind);
    kind.hidden = this.maps.size < 2;
    const names = this.map.header.channel;
    const kept = names.includes(channel.value) ? channel.value : names.find((name) => kPreferred.test(name)) ?? names[0];
    fillSelect(channel, names, (name) => name.replace(/^(\D+) (\d+)$/, "$1 n = $2"), kept);
  }

  drawImage(values, from, to) {
    const { rows, columns } = this.map.header;
    const pixels = new Uint32Array(values.length);
    colorize(values, from, to, pixels);
    this.map.arrived.forEach((arrived, position) => { if (!arrived) pixels[position] = 0; });
    this.image.draw(pixels, rows, columns, kThinPx);
  }

  shown(value) {
    if (!Number.isFinite(value)) return kMissing;
    const { min, max } = this.range;
    return this.pressed("unit") ? fixed(max > min ? (value - min) / (max - min) : 0, 2) : compact(value);
  }

  showScale(from, to) {
    const { low, middle, high } = this.parts;
    low.textContent = (from > this.range.min ? "≤ " : "") + this.shown(from);
    middle.textContent = this.shown((from + to) / 2);
    high.textContent = (to < this.range.max ? "≥ " : "") + this.shown(to);
  }

  showState() {
    const { caption, progress, note, missed } = this.parts;
    const { header, count, size } = this.map;
    const step = number(header.step_nm) > 0 ? `, ${compact(number(header.step_nm))} nm apart` : "";
    const stretched = this.image.stretched ? ", not to scale" : "";
    const tiles = header.kind === "TILES";
    caption.textContent = `${tiles ? `tiles of frame ${header.sequence},` : "scan"} ${header.rows} × ${header.columns}${step}${stretched}`;
    progress.textContent = `${count} of ${size}${header.complete ? ", complete" : ""}`;
    progress.dataset.complete = header.complete;
    const warnings = [];
    if (this.seriesId() !== null && this.seriesId() !== header.series_id) warnings.push("of an earlier series");
    if (this.map.missed() > 0) warnings.push(`${this.map.missed()} not received`);
    missed.textContent = warnings.join(", ");
    const order = /^power (\d+)$/.exec(header.channel[this.channel()])?.[1];
    note.textContent = order ? this.noteOf(Number(order), tiles) : "";
  }

  noteOf(order, tiles) {
    if (!tiles) return stateText(order, this.stateOf(order));
    return order % 2 ? `odd n = ${order}: power spectra are centrosymmetric, so it vanishes` : "";
  }

  showCursor() {
    const { cursor } = this.parts;
    cursor.textContent = "";
    if (!this.cursor || !this.map || this.cursor.row >= this.map.header.rows || this.cursor.column >= this.map.header.columns) return;
    const { row, column } = this.cursor;
    const position = row * this.map.header.columns + column;
    const value = this.map.value(position, this.channel());
    const text = !this.map.arrived[position] ? "not yet arrived" : Number.isNaN(value) ? "no value" : this.shown(value);
    cursor.textContent = `row ${row}, column ${column}: ${text}`;
  }
}
