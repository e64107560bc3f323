// A map on a canvas: its values as squares of colour, and the place of the mouse in it.
import { notArrivedPattern } from "/color_scale.js";

export class MapImage {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = document.createElement("canvas");
    this.frame = null;  // where the map lies: {left, top, rowPx, columnPx}, device pixels
    this.rows = this.columns = 0;
  }

  /** `pixels` are words of ImageData, row-major; those of 0 show the ground of what has not arrived. Positions are square,
      unless the map is so thin that it would not be seen: then it is stretched to `thinPx`. */
  draw(pixels, rows, columns, thinPx = 0) {
    const ratio = window.devicePixelRatio;
    const width = Math.round(this.canvas.clientWidth * ratio), height = Math.round(this.canvas.clientHeight * ratio);
    if (width === 0 || height === 0) return;
    this.rows = rows;
    this.columns = columns;
    this.image.width = columns;
    this.image.height = rows;
    const drawing = this.image.getContext("2d");
    const image = drawing.createImageData(columns, rows);
    new Uint32Array(image.data.buffer).set(pixels);
    drawing.putImageData(image, 0, 0);

    this.canvas.width = width;
    this.canvas.height = height;
    this.frame = this.place(width, height, thinPx * ratio);
    const { left, top, rowPx, columnPx } = this.frame;
    const context = this.canvas.getContext("2d");
    context.fillStyle = notArrivedPattern(context);
    context.fillRect(left, top, columnPx * columns, rowPx * rows);
    context.imageSmoothingEnabled = rowPx < 1 || columnPx < 1;
    context.drawImage(this.image, left, top, columnPx * columns, rowPx * rows);
    this.canvas.dataset.place = JSON.stringify(this.frame);
  }

  place(width, height, thin) {
    const scale = Math.min(width / this.columns, height / this.rows);
    const rowPx = Math.max(scale, Math.min(thin, height) / this.rows);
    const columnPx = Math.max(scale, Math.min(thin, width) / this.columns);
    return { rowPx, columnPx, left: (width - columnPx * this.columns) / 2, top: (height - rowPx * this.rows) / 2 };
  }

  get stretched() { return this.frame !== null && Math.abs(this.frame.rowPx / this.frame.columnPx - 1) > 0.01; }

  /** {row, column} under the mouse; null outside of the map. */
  locate(event) {
    if (!event || !this.frame) return null;
    const ratio = window.devicePixelRatio;
    const column = Math.floor((event.offsetX * ratio - this.frame.left) / this.frame.columnPx);
    const row = Math.floor((event.offsetY * ratio - this.frame.top) / this.frame.rowPx);
    return row >= 0 && row < this.rows && column >= 0 && column < this.columns ? { row, column } : null;
  }
}

/** Fills a <select> where its options have changed, and chooses one. */
export function fillSelect(select, names, label, chosen) {
  const options = [...select.options].map((option) => option.value);
  if (options.join("\n") !== names.join("\n")) select.replaceChildren(...names.map((name) => new Option(label(name), name)));
  select.value = chosen;
}
