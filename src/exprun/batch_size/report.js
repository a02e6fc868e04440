// The chart of batch sizes: images per second against the batch size.
// From page.js: data, hideTip, inks, number, showTip. From charts.js: Chart, FONT, addMarker, domain, paint, styleAt.
// From lines.js: addCurve.

const { sizes, medians, ranges } = data;
const places = sizes.map(placeOf); // on an axis of powers of two
const style = styleAt(0);
let lit = -1;

function placeOf(size) {
  return Math.log2(size / sizes[0]);
}

function label(context, plot, text, size, place) {
  const { ratio, box } = plot;
  context.font = FONT.replace("12", String(12 * ratio));
  context.textBaseline = "bottom";
  const width = context.measureText(text).width;
  const x = plot.x(placeOf(size));
  context.textAlign = "left";
  context.fillStyle = inks().ink;
  context.fillText(text, Math.min(x + 5 * ratio, box.left + box.width - width), box.top + box.height - (4 + 16 * place) * ratio);
}

function upright(context, plot, size, text, dash, place) {
  const { ratio, box } = plot;
  context.strokeStyle = inks().ink;
  context.lineWidth = 1.5 * ratio;
  context.setLineDash(dash.map((length) => length * ratio));
  context.beginPath();
  context.moveTo(plot.x(placeOf(size)), box.top);
  context.lineTo(plot.x(placeOf(size)), box.top + box.height);
  context.stroke();
  context.setLineDash([]);
  label(context, plot, text, size, place);
}

function describe(width) {
  const [, high] = domain(0, Math.max(...ranges.flat()), false);
  return {
    height: width < 500 ? 280 : 360,
    x: { min: -0.4, max: places.at(-1) + 0.4, log: false, label: "images in a batch", names: { texts: sizes.map(String), places, high: 44 } },
    y: { min: 0, max: high, log: false },
    draw(context, plot) {
      const { ratio } = plot;
      upright(context, plot, data.take, `take ${number(data.take)}`, [], 1);
      if (data.configured !== data.take) upright(context, plot, data.configured, `configured ${number(data.configured)}`, [6, 4], 0);
      context.strokeStyle = context.fillStyle = paint(style);
      context.lineWidth = 2 * ratio;
      context.beginPath();
      addCurve(context, plot, places, medians);
      places.forEach((place, i) => {
        context.moveTo(plot.x(place), plot.y(ranges[i][0]));
        context.lineTo(plot.x(place), plot.y(ranges[i][1]));
      });
      context.stroke();
      context.beginPath();
      places.forEach((place, i) => addMarker(context, 0, plot.x(place), plot.y(medians[i]), 4 * ratio));
      context.fill();
    },
    hit(plot, left) {
      const away = places.map((place) => Math.abs(plot.x(place) - left));
      const i = away.indexOf(Math.min(...away));
      if (away[i] > 24) return null;
      const [low, high] = ranges[i].map(number);
      return { i, lines: [`batch ${number(sizes[i])}`, `${number(medians[i])} images/s`, `${low} to ${high} in the measurements`] };
    },
    highlight(context, plot) {
      if (lit < 0) return;
      context.strokeStyle = inks().ink;
      context.lineWidth = 2;
      context.beginPath();
      addMarker(context, 0, plot.x(places[lit]), plot.y(medians[lit]), 8);
      context.stroke();
    },
  };
}

const chart = new Chart(document.getElementById("speeds"), describe, (found, box, left, top) => {
  lit = found?.i ?? -1;
  chart.highlight();
  if (found) showTip(found.lines, box.left + left, box.top + top);
  else hideTip();
});
chart.update();
