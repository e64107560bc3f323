// The arrays behind a dynamics message, as daemon/dashboard/README.md lays them out.

const kCellArrays = ["tau_s", "beta", "contrast", "tau_sigma_s", "beta_sigma"];
const kPixelArrays = ["tau_s", "beta", "contrast"];
const kMostValues = 16 * 1024 * 1024;

// By FitStatus of results.proto, whose numbers they stand at.
const kFitNames = ["FIT_CONVERGED", "FIT_NO_DATA", "FIT_TOO_SHORT", "FIT_NO_CONTRAST", "FIT_AT_BOUND", "FIT_NOT_CONVERGED"];
const kConverged = 0;
const kFitWords = { FIT_CONVERGED: "", FIT_NO_DATA: "no data", FIT_TOO_SHORT: "the series is too short for it",
                    FIT_NO_CONTRAST: "no contrast", FIT_AT_BOUND: "τ or β at the edge of what is allowed",
                    FIT_NOT_CONVERGED: "the fit did not converge" };

/** Why there is no fit; "" where there is one. Takes FitStatus by name or number. */
export function fitReason(status) {
  return kFitWords[typeof status === "number" ? kFitNames[status] : status] ?? "unknown";
}

/** {cells, pixels, twoTime}, each null where the message has none. Maps: {rows, columns, stepPx, status, tau_s, beta, ...},
    row-major, NaN wherever the fit is not usable; twoTime: {times, units, matrices}, one (times, times) matrix per unit.
    Throws RangeError where the bytes do not fit the header. */
export function unpackDynamics(dynamics, bytes) {
  const reader = new FloatReader(bytes);
  const arrays = { cells: readMaps(dynamics.cells, kCellArrays, reader), pixels: readMaps(dynamics.pixels, kPixelArrays, reader),
                   twoTime: readTwoTime(dynamics.two_time, reader) };
  reader.finish();
  return arrays;
}

function readMaps(header, names, reader) {
  if (!header || header.rows * header.columns === 0) return null;
  const size = header.rows * header.columns;
  const maps = { rows: header.rows, columns: header.columns, stepPx: header.step_px, status: bytesOf(header.status) };
  for (const name of names) maps[name] = reader.take(size);
  maps.status.forEach((status, index) => {
    if (status !== kConverged) for (const name of names) maps[name][index] = NaN;
  });
  return maps;
}

function readTwoTime(header, reader) {
  if (!header || header.time_s.length * header.unit.length === 0) return null;
  const times = header.time_s.map(Number);
  return { times, units: header.unit, matrices: header.unit.map(() => reader.take(times.length ** 2)) };
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64 ?? ""), (character) => character.charCodeAt(0));
}

class FloatReader {
  constructor(bytes) {
    if (bytes.byteLength % 4 !== 0 || bytes.byteLength > 4 * kMostValues) throw new RangeError("not a size of dynamics");
    this.values = new Float32Array(bytes);  // little-endian as every machine with a browser
    this.next = 0;
  }

  take(count) {
    if (this.next + count > this.values.length) throw new RangeError("the arrays of dynamics do not fit the header");
    this.next += count;
    return this.values.subarray(this.next - count, this.next);
  }

  finish() {
    if (this.next !== this.values.length) throw new RangeError("the arrays of dynamics do not fit the header");
  }
}
