// The chart of a range test: loss against learning rate, with the range that learns and the learning rate to take.
// From page.js: data, hideTip, inks, number, showTip. From charts.js: Chart, FONT, domain, isWide, paint, styleAt.
// From lines.js: addCurve, nearestCurve.

const MOST = 1.3; // losses are drawn up to this multiple of the highest before the range, as they may grow without limit
const curves = data.curves.map(({ name, rates, losses, smoothed }, index) => ({
  name,
  style: styleAt(index),
  x: Float64Array.from(rates),
  y: Float64Array.from(smoothed),
  raw: Float64Array.from(losses),
}));
let lit = null;

function draw(context, plot, curve, values, width, alpha) {
  context.strokeStyle = paint(curve.style);
  context.globalAlpha = alpha;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.beginPath();
  addCurve(context, plot, curve.x, values);
  context.stroke();
  context.globalAlpha = 1;
}

/** A line across the chart with a label; `place` is its number among the labels, so that none hides another. */
function upright(context, plot, rate, label, dash, place) {
  const { ratio, box } = plot;
  const x = plot.x(rate);
  context.strokeStyle = context.fillStyle = inks().ink;
  context.lineWidth = 1.5 * ratio;
  context.setLineDash(dash.map((length) => length * ratio));
  context.beginPath();
  context.moveTo(x, box.top);
  context.lineTo(x, box.top + box.height);
  context.stroke();
  context.setLineDash([]);
  write(context, plot, label, x, box.top + (6 + 16 * place) * ratio);
}

/** A label on the background's colour, at the right of a point or, near the edge, at its left. */
function write(context, plot, label, x, y) {
  const { ratio, box } = plot;
  context.font = FONT.replace("12", String(12 * ratio));
  context.textBaseline = "top";
  const width = context.measureText(label).width;
  const left = x + 5 * ratio + width < box.left + box.width ? x + 5 * ratio : x - 5 * ratio - width;
  const color = context.fillStyle;
  context.globalAlpha = 0.8;
  context.fillStyle = inks().paper;
  context.fillRect(left - 2 * ratio, y - ratio, width + 4 * ratio, 14 * ratio);
  context.globalAlpha = 1;
  context.fillStyle = color;
  context.textAlign = "left";
  context.fillText(label, left, y);
}

function describe(width) {
  const rates = curves.flatMap((curve) => [curve.x[0], curve.x.at(-1)]);
  const start = Math.max(data.chance, ...curves.map((curve) => curve.y[0]));
  const kept = curves.flatMap((curve) => [...curve.y]).filter((loss) => loss <= MOST * start);
  const log = isWide(kept);
  const [low, high] = domain(Math.min(...kept), MOST * start, log);
  return {
    height: width < 500 ? 300 : 400,
    x: { min: Math.min(...rates), max: Math.max(...rates), log: true, label: "learning rate" },
    y: { min: low, max: high, log },
    zoomsBoth: true,
    draw(context, plot) {
      const { ratio, box } = plot;
      if (data.range) {
        const [from, to] = data.range.map(plot.x);
        context.fillStyle = inks().soft;
        context.globalAlpha = 0.15;
        context.fillRect(from, box.top, to - from, box.height);
        context.globalAlpha = 1;
      }
      context.strokeStyle = context.fillStyle = inks().soft;
      context.lineWidth = ratio;
      context.setLineDash([2 * ratio, 3 * ratio]);
      context.beginPath();
      context.moveTo(box.left, plot.y(data.chance));
      context.lineTo(box.left + box.width, plot.y(data.chance));
      context.stroke();
      context.setLineDash([]);
      write(context, plot, "chance level", box.left, plot.y(data.chance) - 16 * ratio);
      for (const curve of curves) draw(context, plot, curve, curve.raw, ratio, 0.35);
      for (const curve of curves) draw(context, plot, curve, curve.y, 2.5 * ratio, 1);
      curves.forEach((curve, place) => {
        context.fillStyle = paint(curve.style);
        write(context, plot, curve.name, box.left, box.top + box.height - (18 + 16 * place) * ratio);
      });
      if (data.take) upright(context, plot, data.take, `take ${number(data.take)}`, [], 0);
      upright(context, plot, data.configured, `configured ${number(data.configured)}`, [6, 4], 1);
    },
    hit(plot, left, top) {
      const best = nearestCurve(curves, plot, left, top);
      if (!best) return null;
      const { curve, index } = best;
      const lines = [`learning rate ${number(curve.x[index])}`, `${curve.name}: loss ${number(curve.y[index])}`];
      return { curve, lines: [...lines, `of this batch ${number(curve.raw[index])}`] };
    },
    highlight(context, plot) {
      if (lit) draw(context, plot, lit, lit.y, 4, 1);
    },
  };
}

const chart = new Chart(document.getElementById("curves"), describe, (found, box, left, top) => {
  lit = found?.curve ?? null;
  chart.highlight();
  if (found) showTip(found.lines, box.left + left, box.top + top);
  else hideTip();
});
chart.update();
