// g2 against lag: of the latest frame, and where dynamics are fitted the curves of field and regions with their fits.
import { axis, kG2Color, logarithmicTick, options, unitStyle } from "/chart_style.js";
import { marksPlugin } from "/chart_marks.js";
import { fitOf, fittedLine } from "/kww.js";
import { fixed, number, numbers, rounded } from "/values.js";

const kFieldFitColor = "#f1f5f9";  // points of the field's colour would hide a line of it
const kFastColor = "#8594a3";

export class G2Chart {
  constructor(canvas) {
    this.marks = { uprights: [] };
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: options({
        x: axis("lag, s", { type: "logarithmic", ticks: { callback: logarithmicTick } }),
        y: axis(""),
      }, {
        legend: {
          display: false,
          onClick: () => {},
          labels: { usePointStyle: true, boxHeight: 6, padding: 8, font: { size: 12 }, color: "#c8d3de",
                    filter: (item) => item.text !== "" },
        },
        tooltip: {
          filter: (item) => Boolean(item.raw.told),
          callbacks: {
            title: (items) => (items.length ? `lag ${rounded(items[0].parsed.x, 4)} s` : ""),
            label: (item) => item.raw.told,
          },
        },
      }),
      plugins: [marksPlugin(this.marks)],
    });
  }

  /** `ecm` is the latest frame's, `dynamics` the last message or null. Lags without any pair yet stay on the axis, empty;
      lag 0 has no place on a logarithmic one. */
  update(lagS, ecm, dynamics, factor) {
    const fast = fastCurve(lagS, ecm);
    const curves = dynamics?.validity === "VALID" ? [dynamics.field, ...dynamics.regions ?? []].filter(Boolean) : [];
    const { scales, plugins } = this.chart.options;
    plugins.legend.display = curves.length > 0;
    scales.x.title.text = curves.length > 0 ? "lag, s; lines: fits, bands: ± 1 σ" : "lag, s";
    scales.x.min = curves.length > 0 ? numbers(dynamics.lag_s).find((lag) => lag > 0) : undefined;
    this.marks.uprights = curves.slice(0, 1).map(fitOf).filter(Boolean).map((fit) => ({ x: fit.tau, label: "field's τ" }));
    this.chart.data.datasets = curves.length === 0
      ? [{ data: fast, borderColor: kG2Color, backgroundColor: kG2Color, pointRadius: 2 }]
      : [...curves.flatMap((curve) => curveSets(curve, dynamics, factor)),
         { data: fast, label: fast.some((point) => Number.isFinite(point.y)) ? "latest frame, raw" : "", borderColor: kFastColor,
           backgroundColor: kFastColor, borderWidth: 1, borderDash: [2, 2], pointRadius: 0, pointStyle: "line" }];
    this.chart.update("none");
  }
}

function fastCurve(lagS, ecm) {
  const g2 = ecm?.validity === "VALID" ? numbers(ecm.g2) : [];
  return lagS.map((lag, index) => {
    const y = g2[index] ?? NaN;
    return { x: lag, y, told: `g₂ ${fixed(y, 5)} from ${number(ecm?.pairs?.[index])} pairs` };
  }).filter((point) => point.x > 0);
}

// The fit, the points, and their band of ± 1 σ: what comes first lies on top.
function curveSets(curve, dynamics, factor) {
  const style = unitStyle(curve.name);
  const lagS = numbers(dynamics.lag_s), g2 = numbers(curve.g2), sigma = numbers(curve.g2_sigma), pairs = dynamics.pairs ?? [];
  const points = lagS.map((x, index) => {
    const y = g2[index] ?? NaN, u = sigma[index] ?? NaN;
    const uncertainty = Number.isFinite(u) ? ` ± ${fixed(u, 5)}` : "";
    return { x, y, u, told: `${curve.name}: g₂ ${fixed(y, 5)}${uncertainty} from ${pairs[index]} pairs` };
  }).filter((point) => point.x > 0);
  const fit = fitOf(curve);
  const line = fit && points.length > 1 ? fittedLine(fit, factor, points[0].x, points.at(-1).x) : [];
  const edge = (sign) => points.map(({ x, y, u }) => ({ x, y: y + sign * (Number.isFinite(u) ? u : 0) }));
  const band = { label: "", borderWidth: 0, pointRadius: 0, backgroundColor: `${style.color}3d` };
  return [
    { label: "", data: line, borderColor: curve.name === "field" ? kFieldFitColor : style.color, borderDash: style.dash,
      pointRadius: 0 },
    { label: fit ? curve.name : `${curve.name}, no fit`, data: points, showLine: false, pointRadius: 2.5,
      pointStyle: style.point, borderColor: style.color, backgroundColor: style.color },
    { ...band, data: edge(-1) },
    { ...band, data: edge(1), fill: "-1" },
  ];
}
