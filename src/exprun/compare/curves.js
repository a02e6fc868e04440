// The curves of a report over epochs or steps: of single runs, or the mean of each arm with the range of its runs.
// From page.js: number. From charts.js: domain, paint. From lines.js: addCurve, extent, meanCurve, nearestCurve, smoothed.
// From report.js: arms, control, curves, hovered, linesOf, lit, runs, runsOfArm, shown, styles.

const MOST_BOLD = 60; // curves that are drawn as thick or dashed lines, which take several times longer
const MOST_BANDS = 14; // arms whose range is drawn
const curveCache = new Map();

/** The points of a run's metric that have a value, by epoch or step; null if there are none. */
function curveOf(run, metric, axis) {
  const key = (run * curves.metrics.length + metric) * 2 + axis;
  if (!curveCache.has(key)) {
    const [place, values] = curves.of[run] ?? [];
    const points = place === undefined ? [] : curves.points[place][axis];
    const kept = points.map((_, i) => i).filter((i) => values[metric][i] !== null && points[i] !== null);
    const of = (source) => Float64Array.from(kept, (i) => source[i]);
    if (kept.length === points.length) points.asArray ??= of(points); // which runs of an arm share
    const x = points.asArray?.length === kept.length ? points.asArray : of(points);
    curveCache.set(key, kept.length ? { run, arm: runs.arm[run], x, y: of(values[metric]) } : null);
  }
  return curveCache.get(key);
}

/** The curves that are drawn of a metric: of single runs, or the mean of each arm with its range. */
function curvesToDraw(metric) {
  const weight = Number(control("smoothing").value);
  const axis = Number(control("horizontal").value);
  const found = [];
  for (let arm = 0; arm < arms.name.length; arm++) {
    const present = runsOfArm[arm].filter((run) => shown[run]).map((run) => curveOf(run, metric, axis)).filter(Boolean);
    if (control("mode").value === "runs") {
      found.push(...present.map((curve) => ({ ...curve, raw: curve.y, y: smoothed(curve.y, weight) })));
      continue;
    }
    // A run that was interrupted is not compared, and would end the mean at its last epoch.
    const whole = present.filter(({ run }) => runs.value[run] !== null && !runs.diverged[run]);
    if (!whole.length) continue;
    const { x, y, low, high } = meanCurve(whole);
    const bands = whole.length > 1 ? { low: smoothed(low, weight), high: smoothed(high, weight) } : {};
    const alone = whole.length === 1 ? whole[0].run : -1;
    found.push({ run: alone, arm, x, raw: y, y: smoothed(y, weight), runs: whole.length, ...bands });
  }
  return found;
}

function describeCurves(metric, width) {
  const found = curvesToDraw(metric);
  const isLoss = curves.metrics[metric].includes("loss");
  const logY = isLoss && control("log-loss").checked;
  const logX = control("log-x").checked;
  const banded = new Set(found.map((curve) => curve.arm)).size <= MOST_BANDS;
  const xs = domain(...extent(found, ["x"], logX), logX);
  const ys = domain(...extent(found, banded ? ["y", "low", "high"] : ["y"], logY), logY);
  const percent = curves.percent[metric] ? " %" : "";
  const name = control("horizontal").selectedOptions[0].textContent;
  return {
    height: width < 500 ? 260 : 300,
    x: { min: xs[0], max: xs[1], log: logX, label: name },
    y: { min: ys[0], max: ys[1], log: logY },
    found,
    draw(context, plot) {
      if (banded) for (const curve of found) if (curve.low) drawBand(context, plot, curve);
      if (found.length > MOST_BOLD) drawThin(context, plot, found);
      else for (const curve of found) drawCurve(context, plot, curve, 2 * plot.ratio);
    },
    hit(plot, left, top) {
      const best = nearestCurve(found, plot, left, top);
      if (!best) return null;
      const { curve, index } = best;
      const values = [`${name} ${number(curve.x[index])}: ${curves.metrics[metric]} ${number(curve.y[index])}${percent}`];
      if (curve.raw !== curve.y) values.push(`without smoothing ${number(curve.raw[index])}${percent}`);
      if (curve.low) values.push(`${number(curve.low[index])} to ${number(curve.high[index])} over ${curve.runs} runs`);
      const lines = curve.run >= 0 ? linesOf(curve.run, ...values) : [arms.name[curve.arm], ...values];
      return { run: curve.run, arm: curve.arm, lines };
    },
    highlight(context, plot) {
      const chosen = new Set(lit());
      for (const curve of found) {
        const isLit = curve.run >= 0 ? chosen.has(curve.run) : curve.arm === hovered.arm;
        if (isLit) drawCurve(context, plot, curve, 4);
      }
    },
  };
}

function drawCurve(context, plot, curve, width) {
  const style = styles[curve.arm];
  context.strokeStyle = paint(style);
  context.lineWidth = width;
  context.lineJoin = "round";
  context.setLineDash(style.dash.map((length) => length * plot.ratio));
  context.beginPath();
  trace(context, plot, curve, width);
  context.stroke();
  context.setLineDash([]);
}

/** Draw many curves as thin lines, with one path for each colour, as a path for each curve takes longer. */
function drawThin(context, plot, found) {
  context.lineWidth = 1;
  context.lineJoin = "bevel";
  context.globalAlpha = 0.5;
  context.setLineDash([]);
  for (const [color, same] of Map.groupBy(found, ({ arm }) => paint(styles[arm]))) {
    context.strokeStyle = color;
    context.beginPath();
    for (const curve of same) trace(context, plot, curve, 1);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** Add a curve to the path of a context; a circle if it has one point. */
function trace(context, plot, { x, y }, width) {
  addCurve(context, plot, x, y);
  if (x.length > 1) return;
  context.moveTo(plot.x(x[0]) + 1.5 * width, plot.y(y[0]));
  context.arc(plot.x(x[0]), plot.y(y[0]), 1.5 * width, 0, 2 * Math.PI);
}

function drawBand(context, plot, { arm, x, low, high }) {
  const floor = plot.box.top + plot.box.height;
  const y = (value) => (Number.isFinite(plot.y(value)) ? plot.y(value) : floor);
  context.fillStyle = paint(styles[arm]);
  context.globalAlpha = 0.16;
  context.beginPath();
  for (let i = 0; i < x.length; i++) context[i ? "lineTo" : "moveTo"](plot.x(x[i]), y(high[i]));
  for (let i = x.length - 1; i >= 0; i--) context.lineTo(plot.x(x[i]), y(low[i]));
  context.fill();
  context.globalAlpha = 1;
}
