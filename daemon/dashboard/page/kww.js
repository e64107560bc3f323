// The stretched exponential that the daemon fits: g2(t) = baseline + A exp(−factor (t/τ)^β).
import { number } from "/values.js";

/** The factor in the exponent that the setup states; two conventions are in use, and τ differs by 2^(1/β) between them. */
export function exponentFactor(setup) {
  return /exp\(-2 /.test(setup.kww_convention ?? "") ? 2 : 1;
}

/** {tau, beta, contrast, baseline} of a curve that has been fitted; null otherwise. */
export function fitOf(curve) {
  if (curve?.status !== "FIT_CONVERGED") return null;
  const fit = { tau: number(curve.tau_s), beta: number(curve.beta), contrast: number(curve.contrast),
                baseline: number(curve.baseline) };
  return Object.values(fit).every(Number.isFinite) ? fit : null;
}

/** The fit as points of a line, evenly spread over a logarithmic axis. */
export function fittedLine(fit, factor, fromS, toS, points = 96) {
  return Array.from({ length: points }, (_, index) => {
    const x = fromS * (toS / fromS) ** (index / (points - 1));
    return { x, y: fit.baseline + fit.contrast * Math.exp(-factor * (x / fit.tau) ** fit.beta) };
  });
}
