// Ring power of each order in the latest frame, against the noise floor and with its standard deviation.
import { axis, logFloor, options, orderColor, powerTick } from "/chart_style.js";
import { exponential } from "/values.js";

const kNoiseColor = "#7d8b99";    // of bars that noise alone explains
const kWhiskerColor = "#f1f5f9";
const kFloorColor = "#f5b041";
const kCapPx = 3;
const kFloorOverhangPx = 2;

export class BarsChart {
  /** `cells` is the element whose cells stand below the bars. */
  constructor(canvas, cells) {
    this.orders = [];
    this.shown = { sigma: [], floor: [] };
    this.chart = new Chart(canvas, {
      type: "bar",
      data: { labels: [], datasets: [{ data: [], backgroundColor: [], borderColor: [], borderWidth: 1.5 }] },
      options: {
        ...options({ x: axis("", { type: "category", grid: { display: false } }), y: axis("") }, {
          tooltip: { callbacks: { title: (items) => `n = ${items[0].label}`, label: (item) => this.tooltip(item) } },
        }),
        parsing: true,
      },
      plugins: [{
        id: "noise",
        afterDatasetsDraw: (chart) => this.drawNoise(chart),
        afterLayout: ({ chartArea: area }) => {
          cells.style.marginLeft = `${area.left}px`;
          cells.style.width = `${area.width}px`;
        },
      }],
    });
  }

  setOrders(orders) {
    this.orders = orders;
    this.chart.data.labels = orders.map(String);
  }

  setLogarithmic(logarithmic) {
    const scale = this.chart.options.scales.y;
    scale.type = logarithmic ? "logarithmic" : "linear";
    scale.ticks.callback = (value) => powerTick(logarithmic, value);
  }

  /** Arrays by order: power, sigma, floor (NaN or shorter where there is none), states. */
  update({ power, sigma, floor, states }) {
    const scale = this.chart.options.scales.y;
    scale.min = scale.type === "logarithmic" ? logFloor([...power, ...floor]) : undefined;
    const ends = [...floor, ...power.map((value, index) => value + sigma[index])].filter(Number.isFinite);
    scale.suggestedMax = ends.length > 0 ? Math.max(...ends) : undefined;
    const [bars] = this.chart.data.datasets;
    const noise = states.map((state) => state === "CONSISTENT_WITH_NOISE");
    bars.data = power;
    bars.borderColor = this.orders.map((order, index) => (noise[index] ? kNoiseColor : orderColor(order)));
    bars.backgroundColor = this.orders.map((order, index) => fillColor(order, noise[index]));
    this.shown = { sigma, floor };
    this.chart.update("none");
  }

  tooltip(item) {
    const sigma = this.shown.sigma[item.dataIndex], floor = this.shown.floor[item.dataIndex];
    const uncertainty = Number.isFinite(sigma) ? ` ± ${exponential(sigma, 1)}` : "";
    return exponential(item.parsed.y, 4) + uncertainty + (Number.isFinite(floor) ? `, floor ${exponential(floor, 1)}` : "");
  }

  drawNoise(chart) {
    const { ctx, chartArea: area, scales, data } = chart;
    const y = (value) => (scales.y.type === "logarithmic" && value <= scales.y.min ? area.bottom : scales.y.getPixelForValue(value));
    const line = (x1, y1, x2, y2) => {
      ctx.beginPath();
      ctx.moveTo(x1, y1);
      ctx.lineTo(x2, y2);
      ctx.stroke();
    };
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.left, area.top, area.width, area.height);
    ctx.clip();
    ctx.lineWidth = 1.5;
    chart.getDatasetMeta(0).data.forEach(({ x, width }, index) => {
      const power = data.datasets[0].data[index], sigma = this.shown.sigma[index], floor = this.shown.floor[index];
      if (Number.isFinite(floor)) {
        const half = width / 2 + kFloorOverhangPx;
        ctx.strokeStyle = kFloorColor;
        line(x - half, y(floor), x + half, y(floor));
      }
      if (!Number.isFinite(power) || !Number.isFinite(sigma)) return;
      ctx.strokeStyle = kWhiskerColor;
      line(x, y(power - sigma), x, y(power + sigma));
      for (const end of [power - sigma, power + sigma]) line(x - kCapPx, y(end), x + kCapPx, y(end));
    });
    ctx.restore();
  }
}

// Hollow: noise alone explains it. Pale: an odd n, which a thin film should not have.
function fillColor(order, noise) {
  if (noise) return "transparent";
  return order % 2 ? `${orderColor(order)}59` : orderColor(order);
}
