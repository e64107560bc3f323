// Charts of the latest frame: power of each order, and g2 against lag.
import { axis, kG2Color, logFloor, options, orderColor, powerTick } from "/chart_style.js";
import { exponential, number, numbers } from "/values.js";

export class BarsChart {
  constructor(canvas) {
    this.chart = new Chart(canvas, {
      type: "bar",
      data: { labels: [], datasets: [{ data: [], backgroundColor: [], borderWidth: 1.5 }] },
      options: {
        ...options({ x: axis("", { type: "category", grid: { display: false } }), y: axis("") }, {
          tooltip: { callbacks: { title: (items) => `n = ${items[0].label}`, label: (item) => exponential(item.parsed.y, 4) } },
        }),
        parsing: true,
      },
    });
  }

  setOrders(orders) {
    const [bars] = this.chart.data.datasets;
    this.chart.data.labels = orders.map(String);
    bars.backgroundColor = orders.map((order) => (order % 2 ? "transparent" : orderColor(order)));  // odd n: outlines
    bars.borderColor = orders.map(orderColor);
  }

  setLogarithmic(logarithmic) {
    const scale = this.chart.options.scales.y;
    scale.type = logarithmic ? "logarithmic" : "linear";
    scale.ticks.callback = (value) => powerTick(logarithmic, value);
  }

  /** Power per order; NaN leaves a place empty. `values` is the element whose cells stand below the bars. */
  update(power, values) {
    const scale = this.chart.options.scales.y;
    scale.min = scale.type === "logarithmic" ? logFloor(power) : undefined;
    this.chart.data.datasets[0].data = power;
    this.chart.update("none");
    values.style.marginLeft = `${this.chart.chartArea.left}px`;
    values.style.width = `${this.chart.chartArea.width}px`;
  }
}

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
