// What the polar geometry rests on: the ring as an ellipse, the state of the beam in words, and the drift of the centre.
import { compact, fixed, number, numbers } from "/values.js";

const kLeastDriftPx = 0.25;
const kDriftSigmas = 3;

/** The annulus averaged into ring_power, as it lies on the camera: {row, column, ratio, angle, inner, outer, peak}; radii in
    px before the ellipse, `angle` of the major axis in radians from +column towards +row, `peak` the ring found in the data
    or NaN. Null when geometry or centre are not known. */
export function ringOf(setup) {
  const calibration = setup.calibration ?? {};
  const row = number(setup.center_row_px), column = number(setup.center_col_px);
  if (!Number.isFinite(row) || !Number.isFinite(column)) return null;
  const ratio = number(calibration.ellipse_ratio);
  const peak = number(calibration.ring_radius_px);
  const ellipse = { row, column, ratio: ratio > 0 ? ratio : 1, angle: (number(calibration.ellipse_angle_deg) || 0) * Math.PI / 180,
                    peak: peak > 0 ? peak : NaN };
  const radii = numbers(setup.radius_px);
  const inside = radii.filter((_, index) => setup.in_ring?.[index]);
  if (inside.length > 0) {
    const half = radii.length > 1 ? (radii[1] - radii[0]) / 2 : 0.5;
    return { ...ellipse, inner: Math.min(...inside) - half, outer: Math.max(...inside) + half };
  }
  const half = number(calibration.ring_width_px) / 2;
  return peak > 0 && half > 0 ? { ...ellipse, inner: peak - half, outer: peak + half } : null;
}

/** The ellipse that a circle of radius r is on the camera: area-preserving, major axis × √ratio, minor ÷ √ratio. */
export function semiAxes(ring, radius) {
  const stretch = Math.sqrt(ring.ratio);
  return { major: radius * stretch, minor: radius / stretch };
}

/** {text, level} of the calibration; level "look" when something is wrong or missing. */
export function beamState(setup) {
  const calibration = setup.calibration;
  if (!calibration) return { text: "", level: "" };
  const { origin, reason } = calibration;
  if (origin === "PENDING") return { text: reason ? `waiting for patterns: ${reason}` : "waiting for patterns", level: "look" };
  const parts = [centre(calibration), ellipse(calibration), ring(calibration, setup)].filter(Boolean);
  if (origin === "FAILED") return { text: [`failed: ${reason}`, ...parts].join(" · "), level: "look" };
  if (origin === "GIVEN") return { text: [...parts, "given"].join(" · "), level: "" };
  parts.push(`residual ${fixed(100 * number(calibration.residual), 1)} %`,
             `${calibration.masked_pixels} masked, ${calibration.dead_pixels} dead px`,
             `estimated from ${calibration.frames} patterns`);
  if (reason) parts.push(reason);
  return { text: parts.join(" · "), level: "" };
}

function centre(calibration) {
  const row = number(calibration.center_row_px), column = number(calibration.center_col_px);
  if (!Number.isFinite(row) || !Number.isFinite(column)) return "";
  const sigma = number(calibration.center_sigma_px);
  return `centre (${fixed(row, 2)}, ${fixed(column, 2)})${sigma > 0 ? ` ± ${fixed(sigma, 2)}` : ""} px`;
}

function ellipse(calibration) {
  const ratio = number(calibration.ellipse_ratio);
  if (!(ratio > 0)) return "";
  const sigma = number(calibration.ellipse_ratio_sigma);
  const direction = ratio > 1 ? ` @ ${fixed(number(calibration.ellipse_angle_deg), 0)}°` : "";
  return `ellipse ${fixed(ratio, 3)}${sigma > 0 ? ` ± ${fixed(sigma, 3)}` : ""}${direction}`;
}

function ring(calibration, setup) {
  const radius = number(calibration.ring_radius_px);
  if (!(radius > 0)) return "";
  const scale = number(setup.k_inv_nm?.[0]) / number(setup.radius_px?.[0]);
  return scale > 0 ? `ring k ${compact(radius * scale)} nm⁻¹` : `ring r ${fixed(radius, 1)} px`;
}

/** A warning when the patterns have left the calibrated centre; "" otherwise. */
export function driftWarning(symmetry) {
  const row = number(symmetry?.center_row_shift_px), column = number(symmetry?.center_col_shift_px);
  const sigma = number(symmetry?.center_shift_sigma_px);
  const shift = Math.hypot(row, column);
  if (!(shift > kLeastDriftPx && shift > kDriftSigmas * sigma)) return "";
  return `centre has moved by ${fixed(shift, 2)} ± ${fixed(sigma, 2)} px (row ${signed(row)}, column ${signed(column)}): `
    + "run `glasswatch calibrate`";
}

function signed(value) { return (value >= 0 ? "+" : "") + fixed(value, 2); }
