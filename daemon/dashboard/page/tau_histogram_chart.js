// How τ of single pixels is distributed, and over it what a uniform sample would have shown.
import { axis, kG2Color, logarithmicTick, options } from "/chart_style.js";
import { marksPlugin } from "/chart_marks.js";
import { kMissing, measured, number, numbers, percent, rounded } from "/values.js";

const kNullColor = "#f1f5f9";

// Rows of the table: name in test ids, name, and what stands in it of a histogram.
const kRows = [
  ["above", "above the field's τ",
   (one) => `${measured(100 * number(one.fraction_above), 100 * number(one.fraction_above_sigma), 1)} %`],
  ["median", "median (log-normal)", (one) => `${measured(number(one.median_s), number(one.median_sigma_s), 1)} s`],
  ["sigma", "σ of ln τ", (one) => measured(number(one.sigma_ln), number(one.sigma_ln_sigma), 3)],
  ["unusable", "without a fit", (one) => `${percent(number(one.unusable))} %`],
];

export class TauHistogramChart {
  /** `table` (its body), `note` and `warning` are the elements below the chart. */
  constructor(canvas, table, note, warning) {
    this.table = table;
    this.note = note;
    this.warning = warning;
    this.marks = { uprights: [] };
    const steps = { stepped: "before", pointRadius: 0, data: [] };
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [
        { ...steps, label: "uniform sample", borderColor: kNullColor, borderDash: [5, 4], borderWidth: 1.8 },
        { ...steps, label: "measured", borderColor: kG2Color, backgroundColor: `${kG2Color}66`, fill: "origin" },
      ] },
      options: options({
        x: axis("τ of single pixels, s", { type: "logarithmic", ticks: { callback: logarithmicTick } }),
        y: axis("", { beginAtZero: true, ticks: { callback: (value) => `${percent(value)} %` } }),
      }, {
        legend: { display: true, onClick: () => {}, labels: { usePointStyle: true, padding: 8, font: { size: 12 },
                                                              generateLabels: legendLabels } },
        tooltip: { callbacks: {
          title: (items) => (items.length ? `τ up to ${rounded(items[0].parsed.x, 3)} s` : ""),
          label: (item) => `${item.dataset.label}: ${percent(item.parsed.y)} % of the pixels`,
        } },
      }),
      plugins: [marksPlugin(this.marks)],
    });
  }

  update(dynamics) {
    const { histogram, null_histogram: uniform, field } = dynamics;
    const [nullSet, dataSet] = this.chart.data.datasets;
    dataSet.data = steps(histogram);
    nullSet.data = steps(uniform);
    const scale = this.chart.options.scales.x;
    [scale.min, scale.max] = occupied([histogram, uniform]);
    const tau = number(field?.tau_s);
    this.marks.uprights = tau > scale.min && tau < scale.max ? [{ x: tau, label: "field's τ" }] : [];
    this.chart.update("none");
    this.table.replaceChildren(...(histogram ? kRows.map((row) => tableRow(row, histogram, uniform)) : []));
    this.note.textContent = uniform ? "uniform sample: with the measured T/τ, contrast, noise, speckle and gaps; "
      + `of ${dynamics.null_frames} frames, measured of ${dynamics.frames_used}` : "";
    this.warning.textContent = !histogram ? "single pixels are not fitted (ecm.fit_pixels)"
      : !uniform ? "the uniform sample is not there yet: without it a spread proves nothing" : "";
  }
}

// A step from each edge to the next at the height of its bin; ends at zero.
function steps(histogram) {
  const edges = numbers(histogram?.edge_s), fractions = numbers(histogram?.fraction);
  if (edges.length !== fractions.length + 1 || fractions.length === 0) return [];
  return [{ x: edges[0], y: 0 }, ...fractions.map((y, index) => ({ x: edges[index + 1], y })), { x: edges.at(-1), y: 0 }];
}

// From the first to the last edge between which there is anything.
function occupied(histograms) {
  let low = Infinity, high = -Infinity;
  for (const histogram of histograms) {
    const edges = numbers(histogram?.edge_s);
    numbers(histogram?.fraction).forEach((fraction, index) => {
      if (!(fraction > 0)) return;
      low = Math.min(low, edges[index]);
      high = Math.max(high, edges[index + 1]);
    });
  }
  return low < high ? [low, high] : [undefined, undefined];
}

function tableRow([id, name, text], histogram, uniform) {
  const row = document.createElement("tr");
  const cell = (tag, content, testid) => {
    const element = document.createElement(tag);
    element.textContent = content;
    if (testid) element.dataset.testid = testid;
    return element;
  };
  row.append(cell("th", name), cell("td", text(histogram), `histogram-${id}`),
             cell("td", uniform ? text(uniform) : kMissing, `null-${id}`));
  return row;
}

function legendLabels(chart) {
  return [...chart.data.datasets].reverse().filter(({ data }) => data.length > 0).map((dataset) => ({
    text: dataset.label, fontColor: "#c8d3de", pointStyle: "line", strokeStyle: dataset.borderColor, lineWidth: 2,
    lineDash: dataset.borderDash ?? [],
  }));
}
