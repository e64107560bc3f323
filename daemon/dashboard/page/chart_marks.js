// Marks behind and over a chart: levels, moments, and stretches without a value, each with its label.

const kFont = "12px system-ui, sans-serif";
const kLevel = "#aab8c5";
const kMoment = "#ff7f4d";
const kStretch = "rgba(245, 176, 65, 0.16)";
const kStretchText = "#f5b041";
const kPlate = "rgba(17, 23, 30, 0.85)";  // the panel, so that labels read over lines
const kLabelGapPx = 8;
const kLabelPx = 12;  // height

/** Room a chart leaves above itself for the labels of moments. */
export const kMomentRoomPx = 17;

/** A Chart.js plugin that draws whatever `marks` holds: levels [{value, label}], moments [{x, label}], stretches
    [{from, to, reason}], uprights [{x, label}]; coordinates are those of the axes. */
export function marksPlugin(marks) {
  return {
    id: "marks",
    beforeDatasetsDraw: (chart) => clipped(chart, () => drawStretches(chart, marks.stretches ?? [])),
    afterDatasetsDraw: (chart) => clipped(chart, () => {
      drawMoments(chart, marks.moments ?? []);
      drawLevels(chart, marks.levels ?? []);
      drawUprights(chart, marks.uprights ?? []);
    }),
    afterDraw: (chart) => labelMoments(chart, marks.moments ?? []),
  };
}

function clipped(chart, draw) {
  const { ctx, chartArea: area } = chart;
  if (!area) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(area.left, area.top, area.width, area.height);
  ctx.clip();
  ctx.font = kFont;
  draw();
  ctx.restore();
}

function drawStretches({ ctx, chartArea: area, scales }, stretches) {
  let labelledTo = -Infinity;
  for (const { from, to, reason } of stretches) {
    const left = scales.x.getPixelForValue(from), right = scales.x.getPixelForValue(to);
    ctx.fillStyle = kStretch;
    ctx.fillRect(left, area.top, Math.max(2, right - left), area.height);
    if (left < labelledTo) continue;
    const label = reason.replaceAll("_", " ");
    ctx.fillStyle = kStretchText;
    const start = Math.max(area.left, Math.min(left + 3, area.right - ctx.measureText(label).width - 3));
    ctx.fillText(label, start, area.bottom - 6);
    labelledTo = start + ctx.measureText(label).width + 8;
  }
}

function drawLevels({ ctx, chartArea: area, scales }, levels) {
  ctx.strokeStyle = ctx.fillStyle = kLevel;
  ctx.setLineDash([6, 5]);
  for (const { value, label } of levels) {
    const y = scales.y.getPixelForValue(value);
    ctx.beginPath();
    ctx.moveTo(area.left, y);
    ctx.lineTo(area.right, y);
    ctx.stroke();
    plate(ctx, label, area.left + 6, y - 4 - kLabelPx < area.top ? y + kLabelPx : y - 4);
  }
  ctx.setLineDash([]);
}

// As levels, of the other axis: the label within the chart, on the side that has room.
function drawUprights({ ctx, chartArea: area, scales }, uprights) {
  ctx.strokeStyle = ctx.fillStyle = kLevel;
  ctx.setLineDash([6, 5]);
  for (const { x, label } of uprights) {
    const px = scales.x.getPixelForValue(x), width = ctx.measureText(label).width;
    ctx.beginPath();
    ctx.moveTo(px, area.top);
    ctx.lineTo(px, area.bottom);
    ctx.stroke();
    plate(ctx, label, px + 6 + width < area.right ? px + 6 : px - 6 - width, area.top + kLabelPx + 2);
  }
  ctx.setLineDash([]);
}

function drawMoments({ ctx, chartArea: area, scales }, moments) {
  ctx.strokeStyle = kMoment;
  for (const { x } of moments) {
    const px = scales.x.getPixelForValue(x);
    ctx.beginPath();
    ctx.moveTo(px, area.top);
    ctx.lineTo(px, area.bottom);
    ctx.stroke();
  }
}

// Above the chart, where they hide no data; the newest take the room first.
function labelMoments({ ctx, chartArea: area, scales }, moments) {
  let freeUpTo = Infinity;
  ctx.save();
  ctx.font = kFont;
  ctx.fillStyle = kMoment;
  for (const { x, label } of [...moments].reverse()) {
    const width = ctx.measureText(label).width;
    const left = Math.min(Math.max(scales.x.getPixelForValue(x) - width / 2, area.left), area.right - width);
    if (left + width > freeUpTo) continue;
    ctx.fillText(label, left, area.top - 5);
    freeUpTo = left - kLabelGapPx;
  }
  ctx.restore();
}

function plate(ctx, label, x, y) {
  const color = ctx.fillStyle;
  ctx.fillStyle = kPlate;
  ctx.fillRect(x - 2, y - 11, ctx.measureText(label).width + 4, 14);
  ctx.fillStyle = color;
  ctx.fillText(label, x, y);
}
