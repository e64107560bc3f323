// The live image with the ring over it, drawn when the browser is ready: only the newest image is ever drawn.
import { fixed, number, numbers } from "/values.js";

const kRingColor = "#56b4e9";

export class LiveFrame {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = document.createElement("canvas");
    this.header = null;
    this.ring = null;
    this.requested = false;
    new ResizeObserver(() => this.request()).observe(canvas);
  }

  /** The annulus averaged into ring_power, from the setup; null when geometry or centre are not known. */
  setSetup(setup) {
    const radii = numbers(setup.radius_px);
    const inside = radii.filter((_, index) => setup.in_ring?.[index]);
    const row = number(setup.center_row_px), column = number(setup.center_col_px);
    this.ring = null;
    if (inside.length === 0 || !Number.isFinite(row) || !Number.isFinite(column)) return;
    const half = radii.length > 1 ? (radii[1] - radii[0]) / 2 : 0.5;
    const k = numbers(setup.k_inv_nm).filter((_, index) => setup.in_ring[index]);
    this.ring = { row, column, inner: Math.min(...inside) - half, outer: Math.max(...inside) + half,
                  kMin: Math.min(...k), kMax: Math.max(...k) };
    this.request();
  }

  ringText() {
    if (!this.ring) return "";
    const { inner, outer, kMin, kMax } = this.ring;
    const scale = Number.isFinite(kMin) ? `, k ${fixed(kMin, 2)}–${fixed(kMax, 2)} nm⁻¹` : "";
    return `ring ${fixed(inner, 0)}–${fixed(outer, 0)} px${scale}`;
  }

  setImage(header, pixels) {
    this.header = header;
    this.image.width = header.columns;
    this.image.height = header.rows;
    const context = this.image.getContext("2d");
    const rgba = context.createImageData(header.columns, header.rows);
    const words = new Uint32Array(rgba.data.buffer);
    for (let i = 0; i < pixels.length; ++i) words[i] = 0xff000000 | (pixels[i] * 0x010101);
    context.putImageData(rgba, 0, 0);
    this.request();
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
    const ratio = window.devicePixelRatio;
    const width = Math.round(this.canvas.clientWidth * ratio), height = Math.round(this.canvas.clientHeight * ratio);
    if (!this.header || width === 0 || height === 0) return;
    this.canvas.width = width;
    this.canvas.height = height;
    const context = this.canvas.getContext("2d");
    const { rows, columns, reduction } = this.header;
    const scale = Math.min(width / columns, height / rows);
    const left = (width - scale * columns) / 2, top = (height - scale * rows) / 2;
    context.drawImage(this.image, left, top, scale * columns, scale * rows);
    if (this.ring) {
      const perPixel = scale / reduction;
      const x = left + (this.ring.column + 0.5) * perPixel, y = top + (this.ring.row + 0.5) * perPixel;
      context.beginPath();
      context.rect(left, top, scale * columns, scale * rows);
      context.clip();
      context.strokeStyle = kRingColor;
      context.lineWidth = 1.5 * ratio;
      for (const radius of [this.ring.inner, this.ring.outer]) {
        context.beginPath();
        context.arc(x, y, radius * perPixel, 0, 2 * Math.PI);
        context.stroke();
      }
      context.beginPath();
      context.moveTo(x - 6 * ratio, y);
      context.lineTo(x + 6 * ratio, y);
      context.moveTo(x, y - 6 * ratio);
      context.lineTo(x, y + 6 * ratio);
      context.stroke();
    }
    this.canvas.dataset.sequence = this.header.sequence;
  }
}
