// Charts against time: the temperature ramp and the n-fold ring power. Time is that of the exposures, not of the page.
import { axis, elapsed, kTemperatureColor, logFloor, options, orderColor, orderDash, powerTick, timeTicks } from "/chart_style.js";
import { kMomentRoomPx, marksPlugin } from "/chart_marks.js";
import { clock, exponential, fixed } from "/values.js";

// Melt-spun Cu60Zr40, Voigt et al., Mater. Res. Lett. 11 (2023) 1022, their reference 7.
const kLevels = [
  { value: 410, label: "T_g 410 °C, Cu60Zr40 (melt-spun)" },
  { value: 449, label: "T_x 449 °C, Cu60Zr40 (melt-spun)" },
];
const kFewPoints = 200;  // below it each frame is a dot, so that a lone one shows

const timeAxis = () => axis(" ", { afterBuildTicks: timeTicks, ticks: { autoSkip: false, callback: (value) => elapsed(value) } });
const timeTitle = (items) => (items.length ? `${elapsed(items[0].parsed.x)}` : "");

function followTime(chart, history) {
  const scale = chart.options.scales.x;
  const first = history.length ? history.temperature[0].x : 0;
  const last = history.length ? Math.max(history.lastS, first + 1) : 1;
  scale.min = first;
  scale.max = last;
  scale.title.text = history.originNs ? `min:s since ${clock(history.originNs)} UTC` : "no frames yet";
  chart.options.layout.padding = { top: history.triggers.length ? kMomentRoomPx : 4 };
  chart.options.elements.point.radius = history.length < kFewPoints ? 1.5 : 0;
}

export class RampChart {
  constructor(canvas) {
    this.marks = { levels: kLevels, moments: [], stretches: [] };
    const line = { borderColor: kTemperatureColor, backgroundColor: kTemperatureColor, data: [] };
    const edge = { borderWidth: 0, pointRadius: 0, backgroundColor: "rgba(255, 196, 107, 0.28)", data: [] };
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [{ ...edge, label: "lower" }, { ...edge, label: "upper", fill: "-1" }, { ...line, label: "T" }] },
      options: options({ x: timeAxis(), y: axis("") }, {
        tooltip: {
          filter: (item) => item.dataset.label === "T",
          callbacks: { title: timeTitle, label: (item) => `${fixed(item.parsed.y, 2)} °C` },
        },
      }),
      plugins: [marksPlugin(this.marks)],
    });
    this.showLevels(true);
  }

  /** Whether the axis reaches T_g and T_x, or fits the data alone. */
  showLevels(show) {
    const scale = this.chart.options.scales.y;
    scale.suggestedMin = show ? 400 : undefined;
    scale.suggestedMax = show ? 460 : undefined;
  }

  update(history) {
    const [lower, upper, line] = this.chart.data.datasets;
    lower.data = history.lower;
    upper.data = history.upper;
    line.data = history.temperature;
    this.marks.moments = history.triggers;
    this.marks.stretches = history.invalid;
    followTime(this.chart, history);
    this.chart.update("none");
  }
}

// Chart.js's own labels take width and dashes from the points, which are not drawn.
function legendLabels(chart) {
  return chart.data.datasets.map((dataset, datasetIndex) => ({
    datasetIndex,
    text: dataset.label,
    fontColor: "#c8d3de",
    pointStyle: "line",
    strokeStyle: dataset.borderColor,
    lineWidth: 2,
    lineDash: dataset.borderDash,
    hidden: !chart.isDatasetVisible(datasetIndex),
  }));
}

export class PowerChart {
  constructor(canvas) {
    this.marks = { moments: [] };
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: options({ x: timeAxis(), y: axis("") }, {
        legend: {
          display: true,
          position: "right",
          labels: { usePointStyle: true, pointStyleWidth: 26, padding: 3, font: { size: 11 }, generateLabels: legendLabels },
        },
        tooltip: { callbacks: { title: timeTitle, label: (item) => `${item.dataset.label}: ${exponential(item.parsed.y, 3)}` } },
      }),
      plugins: [marksPlugin(this.marks)],
    });
  }

  setOrders(orders) {
    this.chart.data.datasets = orders.map((order) => ({
      label: `n ${order}`,
      borderColor: orderColor(order),
      backgroundColor: orderColor(order),
      borderDash: orderDash(order),
      data: [],
    }));
  }

  setLogarithmic(logarithmic) {
    const scale = this.chart.options.scales.y;
    scale.type = logarithmic ? "logarithmic" : "linear";
    scale.title.display = logarithmic;
    scale.title.text = "values ≤ 0 not drawn";
    scale.ticks.callback = (value) => powerTick(logarithmic, value);
  }

  update(history) {
    this.chart.data.datasets.forEach((dataset, index) => { dataset.data = history.power[index] ?? []; });
    this.marks.moments = history.triggers;
    const scale = this.chart.options.scales.y;
    scale.min = scale.type === "logarithmic" ? logFloor(this.shownValues()) : undefined;
    followTime(this.chart, history);
    this.chart.update("none");
  }

  * shownValues() {
    for (const [index, dataset] of this.chart.data.datasets.entries()) {
      if (!this.chart.isDatasetVisible(index)) continue;
      for (const point of dataset.data) yield point.y;
    }
  }
}
