// τ against temperature along a ramp, with the Arrhenius line where the data carry one.
import { axis, logarithmicTick, options, unitStyle } from "/chart_style.js";
import { fixed, measured, number, probability, rounded } from "/values.js";

const kBoltzmannEvPerK = 8.617333262e-5;  // exact since the SI of 2019
const kZeroCelsiusK = 273.15;
const kLinePoints = 48;

export class TauTemperatureChart {
  /** `note` is the element below the chart. */
  constructor(canvas, note) {
    this.note = note;
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: options({ x: axis("°C"), y: axis("", { type: "logarithmic", ticks: { callback: logarithmicTick } }) }, {
        legend: { display: true, onClick: () => {}, labels: { usePointStyle: true, boxHeight: 6, padding: 8, font: { size: 12 },
                                                              color: "#c8d3de", filter: (item) => item.text !== "" } },
        tooltip: { filter: (item) => Boolean(item.raw.told), callbacks: { title: () => "", label: (item) => item.raw.told } },
      }),
      plugins: [{ id: "whiskers", afterDatasetsDraw: drawWhiskers }],
    });
  }

  update({ tau_of_temperature: entries = [], arrhenius: fits = [] }) {
    const units = [...new Set(entries.map((entry) => entry.unit))];
    const missing = entries.filter((entry) => entry.status !== "FIT_CONVERGED").length;
    const lines = [];
    this.chart.data.datasets = units.flatMap((unit) => {
      const points = entries.filter((entry) => entry.unit === unit && entry.status === "FIT_CONVERGED").map(pointOf);
      const fit = fits.find((one) => one.unit === unit);
      if (fit) lines.push(words(fit));
      return unitSets(unit, points, fit);
    });
    this.chart.update("none");
    if (missing > 0) lines.push(`${missing} of ${entries.length} intervals without a fit`);
    this.note.textContent = lines.join(" · ");
  }
}

function pointOf(entry) {
  const tau = number(entry.tau_s), sigma = number(entry.tau_sigma_s), x = number(entry.temperature_c);
  return { x, y: tau, sigma, low: number(entry.temperature_low_c), high: number(entry.temperature_high_c),
           told: `${entry.unit}, ${fixed(x, 1)} °C: τ ${measured(tau, sigma)} s, T/τ ${rounded(number(entry.span_over_tau), 2)}` };
}

function unitSets(unit, points, fit) {
  const { color, point, dash } = unitStyle(unit);
  return [
    { label: unit, data: points, showLine: false, pointRadius: 3.5, pointStyle: point, borderColor: color, backgroundColor: color },
    { label: "", data: fit?.justified ? lineOf(fit, points) : [], pointRadius: 0, borderColor: color, borderDash: dash },
  ];
}

// ln τ = ln τ0 + E / (k_B T)
function lineOf(fit, points) {
  if (points.length < 2) return [];
  const low = Math.min(...points.map(({ x }) => x)), high = Math.max(...points.map(({ x }) => x));
  return Array.from({ length: kLinePoints }, (_, index) => {
    const x = low + (high - low) * index / (kLinePoints - 1);
    const exponent = number(fit.activation_energy_ev) / (kBoltzmannEvPerK * (x + kZeroCelsiusK));
    return { x, y: Math.exp(number(fit.ln_tau0_s) + exponent) };
  });
}

function words(fit) {
  const line = `${probability(number(fit.p_value))}, ${fit.points} points`;
  const energy = measured(number(fit.activation_energy_ev), number(fit.activation_energy_sigma_ev));
  return fit.justified ? `${fit.unit}: activation energy ${energy} eV (${line})`
    : `${fit.unit}: no activation energy: too few points, too narrow a range, or not a straight line (${line})`;
}

// σ of τ upright, the interval of temperature across.
function drawWhiskers(chart) {
  const { ctx, scales: { x: across, y: up } } = chart;
  ctx.save();
  ctx.lineWidth = 1.2;
  for (const dataset of chart.data.datasets) {
    ctx.strokeStyle = dataset.borderColor;
    for (const { x, y, sigma, low, high } of dataset.data.filter((point) => point.told)) {
      ctx.beginPath();
      if (sigma > 0) {
        ctx.moveTo(across.getPixelForValue(x), up.getPixelForValue(Math.max(y - sigma, up.min)));
        ctx.lineTo(across.getPixelForValue(x), up.getPixelForValue(y + sigma));
      }
      if (high > low) {
        ctx.moveTo(across.getPixelForValue(low), up.getPixelForValue(y));
        ctx.lineTo(across.getPixelForValue(high), up.getPixelForValue(y));
      }
      ctx.stroke();
    }
  }
  ctx.restore();
}
