// Line charts whose lines have their names at their ends.
// From page.js: element, hideTip, inks, number, showTip. From charts.js: Chart, FONT, addMarker, domain, fit, paint,
// styleAt. From lines.js: addCurve, extent, nearestCurve.

const MOST_MARKED = 40; // points of a line that are marked
const LINE_HIGH = 15; // pixels between two names
const NAME_PART = 0.4; // share of the width that names take at most

/** Draw the charts of all elements with `data-series`, the key of the chart in `charts`. */
function addSeries(charts) {
  for (const box of document.querySelectorAll("[data-series]")) {
    const chart = linesOfChart(charts[box.dataset.series]);
    const shown = { line: null };
    const drawn = new Chart(box, (width) => describeSeries(chart, width, shown), (found, rect, left, top) => {
      shown.line = found?.line ?? null;
      if (found) showTip(found.lines, rect.left + left, rect.top + top);
      else hideTip();
      drawn.highlight();
    });
    drawn.update();
  }
}

function linesOfChart(chart) {
  const values = (list) => Float64Array.from(list, (value) => value ?? NaN);
  return { ...chart, lines: chart.lines.map(({ name, style, x, y }, i) => ({ name, style: styleAt(style ?? i), x: values(x), y: values(y) })) };
}

function describeSeries(chart, width, shown) {
  const { lines, log, names, levels } = chart;
  const context = element("canvas").getContext("2d");
  context.font = FONT;
  const isNamed = lines.length > 1;
  const room = isNamed ? Math.min(NAME_PART * width, Math.max(...lines.map((line) => context.measureText(nameOf(line)).width)) + 26) : 0;
  const [first, last] = extent(lines, ["x"], false);
  const inner = Math.max(80, width - 70 - room);
  const known = levels.map(({ y }) => y).filter((y) => !log || y > 0);
  const ends = extent(lines, ["y"], log);
  const [min, max] = chart.ends ?? domain(Math.min(ends[0], ...known), Math.max(ends[1], ...known), log);
  const pad = names.length ? 0.4 : Math.max((last - first) * 0.02, 1e-9);
  const end = last + pad + ((last - first + 2 * pad) * room) / inner;
  const step = Math.ceil((names.length * 17) / inner); // pixels of a name that is written across
  const texts = names.map((name) => fit(context, name, 110));
  const high = 14 + 0.7 * Math.max(20, ...texts.map((text) => context.measureText(text).width)); // of names at an angle
  const places = names.map((_, i) => i).filter((i) => i >= first && i <= last && (i - first) % step === 0);
  // The end of the last name lies on the right of the axis, unless names of lines are there.
  const over = isNamed || !places.length ? 0 : Math.ceil(0.75 * context.measureText(texts[places.at(-1)]).width);
  return {
    height: (width < 500 ? 230 : 270) + (names.length ? high : 30),
    x: {
      min: first - pad,
      max: end,
      label: chart.axis,
      last,
      names: names.length ? { places, texts, high, over } : undefined,
    },
    y: { min, max, log, label: chart.label },
    draw(context, plot) {
      drawLevels(context, plot, levels, log);
      for (const line of lines.toReversed()) drawLine(context, plot, line, 2 * plot.ratio, log);
      if (isNamed) drawNames(context, plot, lines, room * plot.ratio);
    },
    hit(plot, left, top) {
      const best = nearestCurve(lines, plot, left, top, 40);
      if (!best) return null;
      const { curve, index } = best;
      const at = names.length ? names[curve.x[index]] : `${chart.axis} ${number(curve.x[index])}`;
      const others = lines.filter((line) => line !== curve && line.x[index] === curve.x[index]).map((line) => `${line.name}: ${number(line.y[index])}`);
      return { line: curve, lines: [`${curve.name}: ${number(curve.y[index])}`, at, ...others] };
    },
    highlight(context, plot) {
      if (shown.line) drawLine(context, plot, lines.find(({ name }) => name === shown.line.name), 4, log);
    },
  };
}

/** The name at the end of a line, which says so if no point can be drawn. */
function nameOf({ name, y }) {
  return y.some(Number.isFinite) ? name : `${name}: not finite`;
}

function drawLine(context, plot, { style, x, y }, width, log) {
  context.strokeStyle = context.fillStyle = paint(style);
  context.lineWidth = width;
  context.lineJoin = "round";
  context.setLineDash(style.dash.map((length) => length * plot.ratio));
  context.beginPath();
  addCurve(context, plot, x, y);
  context.stroke();
  context.setLineDash([]);
  if (x.length > MOST_MARKED) return;
  context.beginPath();
  x.forEach((at, i) => {
    if (Number.isFinite(plot.y(y[i]))) addMarker(context, style.marker, plot.x(at), plot.y(y[i]), 3.2 * plot.ratio);
  });
  context.fill();
  context.beginPath(); // 0 has no place on a logarithmic axis
  x.forEach((at, i) => {
    if (log && y[i] <= 0) addMarker(context, "cross", plot.x(at), plot.box.top + plot.box.height - 7 * plot.ratio, 4 * plot.ratio);
  });
  context.stroke();
}

/** Write the name of each line next to its last point, without two names at the same height. */
function drawNames(context, plot, lines, room) {
  const { top, height } = plot.box;
  const high = LINE_HIGH * plot.ratio;
  context.font = FONT.replace("12px", `${12 * plot.ratio}px`);
  context.textAlign = "left";
  context.textBaseline = "middle";
  const found = lines.map((line) => {
    const i = line.y.findLastIndex((value) => Number.isFinite(value));
    const y = i < 0 ? NaN : plot.y(line.y[i]);
    return { line, hasPoints: i >= 0, x: plot.x(line.x[Math.max(i, 0)]), y: Number.isFinite(y) ? y : top + height - high / 2 };
  });
  found.sort((a, b) => a.y - b.y);
  found.forEach((one, i) => {
    one.at = Math.max(one.y, top + high / 2, i ? found[i - 1].at + high : -Infinity);
  });
  let most = top + height - high / 2;
  for (const one of found.toReversed()) {
    one.at = Math.min(one.at, most);
    most = one.at - high;
  }
  for (const { line, hasPoints, x, y, at } of found) {
    const left = plot.box.left + plot.box.width - room + 18 * plot.ratio;
    context.strokeStyle = paint(line.style);
    context.lineWidth = plot.ratio;
    context.setLineDash([]);
    context.beginPath();
    if (hasPoints) context.moveTo(x + 5 * plot.ratio, y);
    if (hasPoints) context.lineTo(left - 4 * plot.ratio, at);
    context.stroke();
    context.fillStyle = inks().ink;
    context.fillText(fit(context, nameOf(line), room - 20 * plot.ratio), left, at);
  }
}

function drawLevels(context, plot, levels, log) {
  context.font = FONT.replace("12px", `${12 * plot.ratio}px`);
  context.textAlign = "left";
  for (const { name, y } of levels) {
    if (log && y <= 0) continue;
    context.strokeStyle = context.fillStyle = inks().soft;
    context.lineWidth = plot.ratio;
    context.setLineDash([4 * plot.ratio, 4 * plot.ratio]);
    context.beginPath();
    context.moveTo(plot.box.left, plot.y(y));
    context.lineTo(plot.box.left + plot.box.width, plot.y(y));
    context.stroke();
    const isHigh = plot.y(y) < plot.box.top + LINE_HIGH * plot.ratio;
    context.textBaseline = isHigh ? "top" : "bottom";
    context.fillText(name, plot.box.left + 4 * plot.ratio, plot.y(y) + (isHigh ? 2 : -2) * plot.ratio);
  }
  context.setLineDash([]);
}
