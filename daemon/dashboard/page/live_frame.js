// The live image with the ring over it, drawn when the browser is ready: only the newest image is ever drawn.
import { ringOf, semiAxes } from "/calibration.js";
import { fixed, numbers } from "/values.js";

const kRingColor = "#56b4e9";

export class LiveFrame {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = document.createElement("canvas");
    this.header = null;
    this.ring = null;   // of calibration.js
    this.kText = "";
    this.requested = false;
    new ResizeObserver(() => this.request()).observe(canvas);
  }

  /** Takes what the overlay needs from the setup. */
  setSetup(setup) {
    this.ring = ringOf(setup);
    const k = numbers(setup.k_inv_nm).filter((_, index) => setup.in_ring?.[index]);
    this.kText = k.length > 0 && Number.isFinite(k[0]) ? `, k ${fixed(Math.min(...k), 2)}–${fixed(Math.max(...k), 2)} nm⁻¹` : "";
    this.request();
  }

  ringText() {
    if (!this.ring) return "";
    return `ring ${fixed(this.ring.inner, 0)}–${fixed(this.ring.outer, 0)} px${this.kText}`;
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
      context.beginPath();
      context.rect(left, top, scale * columns, scale * rows);
      context.clip();
      this.drawRing(context, left, top, scale / reduction);
    }
    this.canvas.dataset.sequence = this.header.sequence;
  }

  drawRing(context, left, top, perPixel) {
    const ratio = window.devicePixelRatio;
    const x = left + (this.ring.column + 0.5) * perPixel, y = top + (this.ring.row + 0.5) * perPixel;
    const ellipse = (radius) => {
      const { major, minor } = semiAxes(this.ring, radius);
      context.beginPath();
      context.ellipse(x, y, major * perPixel, minor * perPixel, this.ring.angle, 0, 2 * Math.PI);
      context.stroke();
    };
    context.strokeStyle = kRingColor;
    context.lineWidth = 1.5 * ratio;
    ellipse(this.ring.inner);
    ellipse(this.ring.outer);
    context.beginPath();
    context.moveTo(x - 6 * ratio, y);
    context.lineTo(x + 6 * ratio, y);
    context.moveTo(x, y - 6 * ratio);
    context.lineTo(x, y + 6 * ratio);
    context.stroke();
    if (Number.isNaN(this.ring.peak)) return;
    context.setLineDash([3 * ratio, 5 * ratio]);
    context.lineWidth = ratio;
    ellipse(this.ring.peak);
    context.setLineDash([]);
  }
}
