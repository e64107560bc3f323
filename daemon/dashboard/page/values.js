// Numbers as protobuf's JSON writes them, and numbers as a person reads them. A missing value is NaN, and reads "—".

export const kMissing = "—";

/** 64-bit integers and NaN arrive as strings; what is absent is NaN, never 0. */
export function number(value) {
  if (value === undefined || value === null || value === "") return NaN;
  return Number(value);
}

export function numbers(values) {
  return (values ?? []).map(number);
}

export function fixed(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : kMissing;
}

export function exponential(value, digits) {
  return Number.isFinite(value) ? value.toExponential(digits).replace(/^-/, "−").replace("e+", "e") : kMissing;
}

/** A few digits, whatever the size: "0.0123", "412.3", "1.23e-5". */
export function compact(value) {
  if (!Number.isFinite(value)) return kMissing;
  const size = Math.abs(value);
  return value === 0 || (size >= 0.01 && size < 1e5) ? String(Number(value.toPrecision(4))).replace("-", "−") : exponential(value, 2);
}

/** Decimals that show a standard deviation with two significant digits, at most `most`. */
function decimals(sigma, most) {
  if (!(sigma > 0)) return most;
  return Math.min(most, Math.max(0, 1 - Math.floor(Math.log10(sigma))));
}

/** "739 ± 12": the deviation with two digits and the value with as many decimals; "739" where there is none. */
export function measured(value, sigma, most = 6) {
  if (!Number.isFinite(value)) return kMissing;
  if (!(sigma > 0) || !Number.isFinite(sigma)) return rounded(value, 3);
  const digits = decimals(sigma, most);
  return `${fixed(value, digits)} ± ${fixed(sigma, digits)}`;
}

/** So many significant digits, without an exponent where a person would write none: "739", "12660". */
export function rounded(value, digits) {
  if (!Number.isFinite(value)) return kMissing;
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1e6) ? String(Number(value.toPrecision(digits))).replace("-", "−")
    : exponential(value, digits - 1);
}

/** "p = 0.0004"; below what the tail of a test is known to, only that. Not broken into lines. */
export function probability(p) {
  const text = !Number.isFinite(p) ? `p ${kMissing}` : p < 1e-4 ? "p < 0.0001" : `p = ${Number(p.toPrecision(p < 0.1 ? 1 : 2))}`;
  return text.replaceAll(" ", "\u00a0");
}

/** "27" of 0.27; with one decimal below ten. */
export function percent(fraction) {
  return fixed(100 * fraction, Math.abs(fraction) < 0.0995 ? 1 : 0);
}

/** "412.34 ± 0.42" from a Temperature message. */
export function temperature(message) {
  const value = number(message?.value_c);
  if (message?.validity !== "VALID" || !Number.isFinite(value)) return kMissing;
  const sigma = number(message.sigma_c);
  const digits = decimals(sigma, 2);
  const uncertainty = sigma > 0 && sigma < 0.005 ? "<0.01" : fixed(sigma, digits);
  return `${fixed(value, digits)} ± ${uncertainty}`;
}

/** "stale", "no temperature", ... of a part of a result. */
export function validity(message) {
  return (message?.validity ?? "SWITCHED_OFF").replaceAll("_", " ").toLowerCase();
}

/** Why a part of a result has no value; "" when it has. A part that is not there at all is switched off. */
export function reason(message) {
  if (message?.validity === "VALID") return "";
  return message?.reason ? `${validity(message)}: ${message.reason}` : validity(message);
}

/** Seconds between two times in UTC nanoseconds, exact before it is rounded to a double. */
export function secondsBetween(fromNs, toNs) {
  return Number(BigInt(toNs) - BigInt(fromNs)) / 1e9;
}

/** "14:03:07" of a time in UTC nanoseconds. */
export function clock(ns) {
  return new Date(Number(BigInt(ns) / 1000000n)).toISOString().slice(11, 19);
}

/** "75 s", "12 min", "3.1 h" */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return kMissing;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
