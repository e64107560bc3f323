// The colours of maps. viridis (N. Smith and S. van der Walt, 2015, matplotlib, CC0): equal steps of value are equal steps
// of lightness, also to colour-blind eyes and in print. Sixteenths of the scale, straight lines in between.

const kSixteenths = "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 "
  + "d8e219 fde725";
const kSteps = 256;

/** Of positions that have arrived without a value: a hue that the scale does not have. */
export const kNoValueColor = "#a2566c";
/** Of positions that have not arrived: darker than the scale, and hatched. */
export const kNotArrivedColors = ["#0b0f14", "#2b3641"];

const anchors = kSixteenths.split(" ").map(channels);
const words = Uint32Array.from({ length: kSteps }, (_, step) => word(interpolated(step / (kSteps - 1))));
const noValueWord = word(channels(kNoValueColor.slice(1)));

/** The pixel, as a word of ImageData, of each value between `low` (or below) and `high` (or above). */
export function colorize(values, low, high, pixels) {
  const perStep = high > low ? (kSteps - 1) / (high - low) : 0;
  for (let i = 0; i < values.length; ++i) {
    const value = values[i];
    if (Number.isNaN(value)) pixels[i] = noValueWord;
    else pixels[i] = words[Math.max(0, Math.min(kSteps - 1, Math.round((value - low) * perStep)))];
  }
}

/** Draws the scale itself, low values at the left. */
export function drawScale(canvas) {
  canvas.width = kSteps;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  const image = context.createImageData(kSteps, 1);
  new Uint32Array(image.data.buffer).set(words);
  context.putImageData(image, 0, 0);
}

/** A canvas pattern that fills where nothing has arrived. */
export function notArrivedPattern(context) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const drawing = tile.getContext("2d");
  const [ground, line] = kNotArrivedColors;
  drawing.fillStyle = ground;
  drawing.fillRect(0, 0, 8, 8);
  drawing.strokeStyle = line;
  drawing.lineWidth = 1.5;
  for (const shift of [-8, 0, 8]) {
    drawing.beginPath();
    drawing.moveTo(shift - 1, 9);
    drawing.lineTo(shift + 9, -1);
    drawing.stroke();
  }
  return context.createPattern(tile, "repeat");
}

function channels(hex) {
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

function interpolated(position) {
  const scaled = position * (anchors.length - 1);
  const before = Math.min(Math.floor(scaled), anchors.length - 2);
  return anchors[before].map((value, index) => value + (scaled - before) * (anchors[before + 1][index] - value));
}

function word([red, green, blue]) {
  return (0xff000000 | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}
