// The curves of a run, and the measures of its layers over time.
// From page.js: data, element, hideTip, inks, number, showTip. From charts.js: Chart, domain, isWide, paint,
// styleAt, writeName. From lines.js: addCurve, extent, nearestCurve. From heatmap.js: HeatMap.

const control = (id) => document.getElementById(id);
const STYLES = { "training, some steps": 1, "training, epochs": 1, validation: 0, "learning rate": 2 };

/** The curves of a chart, as typed arrays; some of them are means over a few steps, which are drawn paler. */
function curvesOf(chart) {
  const scale = chart === "accuracy" ? 100 : 1;
  return Object.entries(data.curves[chart]).map(([name, { x, y }]) => {
    const kept = x.map((_, i) => i).filter((i) => y[i] !== null);
    const of = (values, factor) => Float64Array.from(kept, (i) => factor * values[i]);
    return { name, isPale: name.endsWith("some steps"), style: styleAt(STYLES[name]), x: of(x, 1), y: of(y, scale) };
  }).filter((curve) => curve.x.length);
}

const NAME_WIDE = 104; // pixels: the room for the names of curves, on the right of their last points

/** Write the name of each curve next to its last point, without overlaps. */
function nameCurves(context, plot, curves) {
  const size = 12 * plot.ratio;
  const [top, bottom] = [plot.box.top + 0.7 * size, plot.box.top + plot.box.height - 0.7 * size];
  curves.sort((a, b) => a.y - b.y);
  const places = curves.map(({ y }) => y);
  places.forEach((y, i) => (places[i] = Math.max(y, i ? places[i - 1] + 1.1 * size : top)));
  for (let i = places.length - 1; i >= 0; i--) places[i] = Math.min(places[i], i + 1 < places.length ? places[i + 1] - 1.1 * size : bottom);
  for (const [i, { text, style }] of curves.entries()) {
    writeName(context, plot, text, style, plot.box.left + plot.box.width - 6 * plot.ratio, places[i]);
  }
}

function describeCurve(chart, width) {
  const found = curvesOf(chart);
  const isLoss = chart === "loss";
  const log = isLoss ? control("log-loss").checked : chart === "learning rate" && isWide([...found[0].y]);
  const chance = data.chance === null || chart === "learning rate" ? null : isLoss ? data.chance.loss : 100 * data.chance.accuracy;
  const ends = extent(found, ["y"], log);
  if (chance !== null && (!log || chance > 0)) [ends[0], ends[1]] = [Math.min(ends[0], chance), Math.max(ends[1], chance)];
  const xs = domain(...extent(found, ["x"], false), false);
  const [last, room] = [xs[1], chart === "learning rate" ? 0 : Math.min(0.4, NAME_WIDE / width)];
  xs[1] += ((xs[1] - xs[0]) * room) / (1 - room);
  const ys = domain(...ends, log);
  const unit = chart === "accuracy" ? " %" : "";
  return {
    height: width < 500 ? 230 : 280,
    x: { min: xs[0], max: xs[1], last, log: false, label: "step" },
    y: { min: ys[0], max: ys[1], log },
    draw(context, plot) {
      const names = [];
      context.lineWidth = plot.ratio;
      context.strokeStyle = inks().soft;
      context.setLineDash([5 * plot.ratio, 4 * plot.ratio]);
      context.beginPath();
      if (chance !== null) {
        context.moveTo(plot.box.left, plot.y(chance));
        context.lineTo(plot.box.left + plot.box.width, plot.y(chance));
        names.push({ text: "chance level", style: { color: inks().soft }, y: plot.y(chance) });
      }
      if (data.best !== null && chart !== "learning rate") {
        context.moveTo(plot.x(data.best), plot.box.top);
        context.lineTo(plot.x(data.best), plot.box.top + plot.box.height);
      }
      context.stroke();
      for (const curve of found) {
        context.setLineDash([]);
        context.strokeStyle = context.fillStyle = paint(curve.style);
        context.globalAlpha = curve.isPale ? 0.35 : 1;
        context.lineWidth = (curve.isPale ? 1 : 2) * plot.ratio;
        context.beginPath();
        addCurve(context, plot, curve.x, curve.y);
        context.stroke();
        if (curve.x.length <= 40 && !curve.isPale) {
          context.beginPath();
          curve.x.forEach((x, i) => {
            context.moveTo(plot.x(x), plot.y(curve.y[i]));
            context.arc(plot.x(x), plot.y(curve.y[i]), 2.5 * plot.ratio, 0, 2 * Math.PI);
          });
          context.fill();
        }
        context.globalAlpha = 1;
        const shown = curve.name.split(",")[0];
        const y = plot.y(curve.y.at(-1));
        const known = names.find((one) => one.text === shown);
        if (!known) names.push({ text: shown, style: curve.style, y });
        else if (!curve.isPale) known.y = y; // next to the line that is seen best
      }
      if (data.best !== null && chart !== "learning rate") {
        context.font = `${11 * plot.ratio}px system-ui, sans-serif`;
        context.fillStyle = inks().soft;
        context.textBaseline = "bottom";
        const isRight = plot.x(data.best) > plot.box.left + plot.box.width / 2;
        context.textAlign = isRight ? "right" : "left";
        context.fillText("best weights", plot.x(data.best) + (isRight ? -4 : 4) * plot.ratio, plot.box.top + 0.6 * plot.box.height);
      }
      if (chart !== "learning rate") nameCurves(context, plot, names);
    },
    hit(plot, left, top) {
      const best = nearestCurve(found, plot, left, top);
      if (!best) return null;
      const { curve, index } = best;
      const isBest = curve.x[index] === data.best && curve.name === "validation";
      return { lines: [`${chart} ${number(curve.y[index])}${unit}`, `${curve.name}, step ${curve.x[index]}`, ...(isBest ? ["the best weights"] : [])], curve, index };
    },
    highlight() {},
  };
}

const onHover = (found, box, left, top) => {
  if (found) showTip(found.lines, box.left + left, box.top + top);
  else hideTip();
};

function makeCurves() {
  for (const chart of Object.keys(data.curves)) {
    if (!curvesOf(chart).length) continue;
    const figure = element("figure", "", { style: "margin:0" });
    const box = element("div", "", { class: "chart", role: "img", id: chart.replace(" ", "-"), "aria-label": `${chart} over the steps; result.json has the numbers` });
    figure.append(element("h3", `${chart}${chart === "accuracy" ? ", %" : ""}`), box);
    control("curves").append(figure);
    const drawn = new Chart(box, (width) => describeCurve(chart, width), onHover);
    drawn.update();
    if (chart === "loss") {
      control("log-loss").checked = isWide(curvesOf(chart).flatMap((curve) => [...curve.y]));
      control("log-loss").addEventListener("input", () => {
        drawn.zoom = null;
        drawn.update();
      });
    }
  }
}

/** A heat map for each measure of the doctor's probes: layers from the input, and steps. */
function makeLayers() {
  const { steps, kinds } = data.probes;
  for (const [kind, { label, layers, values }] of Object.entries(kinds)) {
    const box = element("div", "", { class: "chart", id: `layers-${kind}`, role: "img", "aria-label": `${label}, by layer and step` });
    const [title, unit] = { updates: ["Update ratios", "ratio"], gradients: ["Gradient norms", "norm"], dead: ["Dead units", "share"] }[kind];
    const figure = element("figure", "", { style: "margin:0" });
    figure.append(element("h3", title), element("p", label, { class: "note" }), box);
    control("layer-maps").append(figure);
    const isShare = kind === "dead";
    const map = new HeatMap(box, () => ({
      rows: layers,
      columns: steps.map(String),
      values,
      label: unit,
      rowsLabel: "layer",
      columnsLabel: "step",
      log: !isShare,
      ...(isShare ? { low: 0, high: 1, format: (value) => `${number(100 * value)} %` } : {}),
    }));
    map.update();
  }
}
