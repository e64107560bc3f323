// g2 against lag, of the latest frame.
import { axis, kG2Color, options } from "/chart_style.js";
import { number, numbers } from "/values.js";

export class G2Chart {
  constructor(canvas) {
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [{ data: [], borderColor: kG2Color, backgroundColor: kG2Color, pointRadius: 2 }] },
      options: options({
        x: axis("lag, s", { type: "logarithmic", ticks: { callback: (value) => (Math.log10(value) % 1 === 0 ? String(value) : "") } }),
        y: axis(""),
      }, {
        tooltip: { callbacks: {
          title: (items) => `lag ${items[0].parsed.x.toPrecision(4)} s`,
          label: (item) => `g₂ ${item.parsed.y.toFixed(5)} from ${item.raw.pairs} pairs`,
        } },
      }),
    });
  }

  /** Lags without any pair yet stay on the axis, empty; lag 0 has no place on a logarithmic one. */
  update(lagS, ecm) {
    const g2 = ecm?.validity === "VALID" ? numbers(ecm.g2) : [];
    this.chart.data.datasets[0].data = lagS
      .map((lag, index) => ({ x: lag, y: g2[index] ?? NaN, pairs: number(ecm?.pairs?.[index]) }))
      .filter((point) => point.x > 0);
    this.chart.update("none");
  }
}
