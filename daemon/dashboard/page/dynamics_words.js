// What the dynamics say, in words for the person at the microscope.
import { fitReason } from "/dynamics_data.js";
import { fitOf } from "/kww.js";
import { fixed, kMissing, measured, number, percent, probability, reason, rounded } from "/values.js";

const kSinglePixels = 40;  // T/τ below which single pixels mislead,
const kAnything = 7;       // and below which everything does
const kCertain = 0.001;    // of being uniform by chance
const kDoubtful = 0.05;

export class DynamicsWords {
  constructor(panel) {
    this.tau = panel.querySelector("#dynamics-tau");
    this.shape = panel.querySelector("#dynamics-shape");
    this.problem = panel.querySelector("#dynamics-problem");
    this.temperature = panel.querySelector("#dynamics-temperature");
    this.list = panel.querySelector("#dynamics-facts");
  }

  /** `seriesId` is that of the frames that come in now. */
  update(dynamics, seriesId) {
    const { field } = dynamics;
    const fit = fitOf(field);
    this.tau.textContent = fit ? measured(fit.tau, number(field.tau_sigma_s)) : kMissing;
    this.tau.dataset.value = fit ? fit.tau : NaN;
    this.shape.textContent = fit ? shapeText(field) : "";
    this.problem.textContent = problemOf(dynamics, seriesId);
    const celsius = number(dynamics.temperature_c);
    this.temperature.textContent = Number.isFinite(celsius) ? `at ${fixed(celsius, 1)} °C` : "";
    const facts = [
      ["span", "T/τ", spanText(dynamics)],
      ["frames", "frames", framesText(dynamics)],
      ["speckles", "speckles", specklesText(dynamics)],
      ["uniform", "uniform?", uniformText(dynamics.heterogeneity)],
      ...regionFacts(dynamics),
      ["halves", "halves", halvesText(dynamics.halves)],
    ].filter(([, , text]) => text);
    this.show(facts);
  }

  // In place where the facts are the same ones, so that a text that somebody has marked stays marked.
  show(facts) {
    const ids = facts.map(([id]) => id).join();
    if (this.list.dataset.ids !== ids) {
      this.list.dataset.ids = ids;
      this.list.replaceChildren(...facts.flatMap(([id, name]) => [part("dt", name), part("dd", "", `dynamics-${id}`)]));
    }
    facts.forEach(([, , text], index) => {
      const value = this.list.children[2 * index + 1];
      if (value.textContent !== text) value.textContent = text;
    });
  }
}

function part(tag, text, testid) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (testid) element.dataset.testid = testid;
  return element;
}

function shapeText(field) {
  return `β ${measured(number(field.beta), number(field.beta_sigma))}`
    + ` · A ${measured(number(field.contrast), number(field.contrast_sigma))}`
    + ` · ⟨τ⟩ ${rounded(number(field.mean_relaxation_s), 3)} s`;
}

function problemOf(dynamics, seriesId) {
  const problems = [];
  if (seriesId !== null && seriesId !== dynamics.series_id) problems.push("of an earlier series");
  const invalid = reason(dynamics);
  if (invalid) problems.push(invalid);
  else if (!fitOf(dynamics.field)) problems.push(`no τ: ${fitReason(dynamics.field?.status ?? "FIT_NO_DATA")}`);
  return problems.join("; ");
}

function spanText({ field }) {
  const ratio = number(field?.span_over_tau);
  if (!Number.isFinite(ratio)) return "";
  const meaning = ratio < kAnything ? "too short: every τ reads too low and will climb"
    : ratio < kSinglePixels ? "read pooled cells, not single pixels" : "enough for single pixels too";
  return `${rounded(ratio, 2)}: ${meaning}`;
}

function framesText(dynamics) {
  const used = number(dynamics.frames_used), missing = number(dynamics.frames_missing);
  const inference = number(dynamics.inference_frames);
  const parts = [`${used} used`];
  if (missing > 0) parts.push(`${missing} missing`);
  if (inference < used) parts.push(inference > 0 ? `errors and tests: first ${inference}` : "errors and tests: not yet");
  return parts.join(", ");
}

function specklesText({ field, speckle_size_px: size, cells }) {
  const independent = number(field?.speckles);
  if (!Number.isFinite(independent)) return "";
  const each = number(cells?.speckles_per_unit);
  const width = Number.isFinite(number(size)) ? `, ${rounded(number(size), 2)} px wide` : "";
  return `${rounded(independent, 4)} independent${width}${Number.isFinite(each) ? `; ${rounded(each, 2)} per cell` : ""}`;
}

// Two tests are made: the smaller p counts twice (Bonferroni).
function uniformText(found) {
  if (!found) return "";
  const cells = number(found.p_value), neighbours = number(found.p_value_neighbours);
  const both = [cells, neighbours].filter(Number.isFinite);
  if (both.length === 0) return `cannot be said${found.reason ? `: ${found.reason}` : ""}`;
  const chance = Math.min(...both) * both.length;
  const verdict = chance < kCertain ? "no" : chance < kDoubtful ? "perhaps not" : "nothing speaks against it";
  const neighbourText = Number.isFinite(neighbours) ? `, of neighbours ${probability(neighbours)}` : "";
  return `${verdict}: ${found.cells} cells ${probability(cells)}${neighbourText}; ${spreadText(found)}`;
}

function spreadText(found) {
  const spread = number(found.spread_ln_tau), sigma = number(found.spread_variance_sigma);
  const visible = sigma > 0 ? `; above ${percent(Math.sqrt(2 * sigma))} % it would show` : "";
  if (!(spread > 0)) return `no spread of τ beyond noise${visible}`;
  return `τ spreads by ${measured(100 * spread, 100 * sigma / (2 * spread), 1)} % beyond noise`;
}

function regionFacts(dynamics) {
  if (dynamics.regions_reason) return [["regions", "regions", `none: ${dynamics.regions_reason}`]];
  const regions = dynamics.regions ?? [], pairs = dynamics.region_pairs ?? [];
  return [...regions.map((region) => [`region-${region.name}`, region.name, regionText(region)]),
          ...pairs.map((pair) => [`pair-${pair.first}-${pair.second}`, "ratio", pairText(pair)])];
}

function regionText(region) {
  if (!fitOf(region)) return `no τ: ${fitReason(region.status)}`;
  return `τ ${measured(number(region.tau_s), number(region.tau_sigma_s))} s, `
    + `β ${measured(number(region.beta), number(region.beta_sigma))}`;
}

function pairText(pair) {
  const ratio = Math.exp(number(pair.ln_ratio));
  const shown = measured(ratio, ratio * number(pair.ln_ratio_sigma));
  return `τ ${pair.first} / τ ${pair.second} = ${shown}, ${probability(number(pair.p_value))}`;
}

function halvesText(halves) {
  if (!halves) return "";
  const first = number(halves.tau_first_s), second = number(halves.tau_second_s);
  if (halves.status !== "FIT_CONVERGED") return `cannot be said: ${halves.verdict || fitReason(halves.status)}`;
  const difference = number(halves.relative_difference), resolvable = number(halves.resolvable_difference);
  const sign = difference >= 0 ? "+" : "";
  const power = Number.isFinite(resolvable) ? `; ${percent(resolvable)} % would show` : "";
  return `${rounded(first, 3)} s, then ${rounded(second, 3)} s: ${sign}${percent(difference)} %${power}`
    + (halves.verdict ? `. ${halves.verdict}` : "");
}
