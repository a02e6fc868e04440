// The confusion matrix, the gallery of errors, the calibration and the embedding of a run.
// From page.js: data, element, hideTip, inks, printing, redraws, showTip, tip. From charts.js: Chart, addMarker, domain,
// paint, styleAt, swatch. From heatmap.js: HeatMap. From curves.js: control.

const { outcomes, embedding } = data;
const AT_ONCE = 24; // errors that are shown before a person asks for more
const MOST_GROUPS = 28; // classes that have a style of their own
const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
const images = (count) => `${count} image${count === 1 ? "" : "s"}`;
let onlyPair = null; // the confusion to which the gallery of errors is reduced: true class, predicted class

// ---- The confusion matrix. ----

/** The classes of the matrix in the chosen order. */
function orderOfClasses() {
  const all = outcomes.shown ?? outcomes.classes.map((_, i) => i);
  const wrong = (one) => outcomes.cells.reduce((sum, [t, p, n]) => sum + (t !== p && (t === one || p === one) ? n : 0), 0);
  if (control("order").value === "given") return all;
  const errors = new Map(all.map((one) => [one, wrong(one)]));
  const byErrors = all.toSorted((a, b) => errors.get(b) - errors.get(a) || a - b);
  if (control("order").value === "errors") return byErrors;
  // Each class is followed by the class with which it is confused most often, of those that are left.
  const between = new Map();
  for (const [t, p, n] of outcomes.cells) {
    if (t === p) continue;
    for (const key of [`${t} ${p}`, `${p} ${t}`]) between.set(key, (between.get(key) ?? 0) + n);
  }
  const found = [];
  const left = new Set(byErrors);
  while (left.size) {
    const last = found.at(-1);
    let next = [...left][0];
    let most = 0;
    for (const one of left) {
      const count = between.get(`${last} ${one}`) ?? 0;
      if (count > most) [most, next] = [count, one];
    }
    found.push(next);
    left.delete(next);
  }
  return found;
}

/** Whether the gallery has errors of a confusion. */
const hasErrors = (true_, predicted) => outcomes.errors.some(([t, p]) => t === true_ && p === predicted);

let matrixOrder = [];
function describeMatrix() {
  matrixOrder = orderOfClasses();
  const place = new Map(matrixOrder.map((one, i) => [one, i]));
  const kind = control("cells").value;
  const total = matrixOrder.map(() => 0);
  const counts = matrixOrder.map(() => matrixOrder.map(() => 0));
  for (const [t, p, n] of outcomes.cells) {
    counts[place.get(t)][place.get(p)] = n;
    total[place.get(t)] += n;
  }
  const value = (row, column) => {
    const count = counts[row][column];
    if (kind === "errors") return row === column ? null : count || null;
    if (kind === "images") return count || null;
    return count ? count / total[row] : null;
  };
  const names = matrixOrder.map((one) => outcomes.classes[one]);
  const isShare = kind === "share";
  return {
    rows: names,
    columns: names,
    values: counts.map((line, row) => line.map((_, column) => value(row, column))),
    label: { share: "share of the true class", images: "images", errors: "errors" }[kind],
    rowsLabel: "true class",
    columnsLabel: "predicted class",
    log: false,
    low: 0,
    ...(isShare ? { high: 1, format: percent, empty: percent(0) } : { format: String, empty: "0" }),
    note(row, column) {
      const told = images(counts[row][column]);
      if (row === column) return `${told}, right`;
      return hasErrors(matrixOrder[row], matrixOrder[column]) ? `${told}; click to see errors of this kind` : told;
    },
  };
}

function makeMatrix() {
  const { classes, shown } = outcomes;
  if (classes.length < 2) {
    control("matrix").hidden = true;
    return;
  }
  const map = new HeatMap(control("confusion"), describeMatrix);
  map.update();
  if (shown) control("matrix-note").textContent = `The ${shown.length} of ${classes.length} classes that are confused most often.`;
  for (const id of ["order", "cells"]) control(id).addEventListener("input", () => map.update());
  map.canvas.addEventListener("click", ({ offsetX, offsetY }) => {
    const { left, top, cellWide, rowHigh } = map.box;
    const [column, row] = [Math.floor((offsetX - left) / cellWide), Math.floor((offsetY - top) / rowHigh)];
    const [t, p] = [matrixOrder[row], matrixOrder[column]];
    if (t === undefined || p === undefined || t === p || !hasErrors(t, p)) return;
    onlyPair = [t, p];
    showErrors();
    document.getElementById("errors").scrollIntoView({ block: "center" });
  });
}

// ---- The gallery of errors. ----

let allErrors = false;
const errorItems = [...(document.getElementById("errors")?.children ?? [])];

/** Show the errors of the chosen confusion, or all, in the chosen order. */
function showErrors() {
  const { errors } = outcomes;
  const key = control("error-order").value === "loss" ? 2 : 3;
  const kept = errorItems.map((_, i) => i).filter((i) => !onlyPair || (errors[i][0] === onlyPair[0] && errors[i][1] === onlyPair[1]));
  kept.sort((a, b) => (errors[b][key] ?? 0) - (errors[a][key] ?? 0));
  const most = allErrors || onlyPair || printing ? kept.length : AT_ONCE;
  document.getElementById("errors").replaceChildren(...kept.slice(0, most).map((i) => errorItems[i]));
  control("more-errors").hidden = kept.length <= most;
  control("more-errors").textContent = `Show ${kept.length - most} more`;
  control("all-confusions").hidden = onlyPair === null;
  const name = (one) => outcomes.classes[one];
  control("error-count").textContent = onlyPair ? `${name(onlyPair[0])}, predicted ${name(onlyPair[1])}: ${kept.length} shown` : "";
}

function makeErrors() {
  control("error-order").addEventListener("input", showErrors);
  control("more-errors").addEventListener("click", () => {
    allErrors = true;
    showErrors();
  });
  control("all-confusions").addEventListener("click", () => {
    onlyPair = null;
    showErrors();
  });
  showErrors();
}

// ---- Calibration. ----

function describeCalibration(width) {
  const bins = outcomes.calibration;
  const most = Math.max(...bins.map(([, , count]) => count));
  const radius = (count) => 3 + 9 * Math.sqrt(count / most);
  return {
    height: Math.min(340, width),
    x: { min: 0, max: 104, log: false, label: "confidence, %" },
    y: { min: -4, max: 108, log: false },
    draw(context, plot) {
      context.strokeStyle = inks().soft;
      context.lineWidth = plot.ratio;
      context.setLineDash([5 * plot.ratio, 4 * plot.ratio]);
      context.beginPath();
      context.moveTo(plot.x(0), plot.y(0));
      context.lineTo(plot.x(100), plot.y(100));
      context.stroke();
      context.setLineDash([]);
      context.strokeStyle = context.fillStyle = paint(styleAt(0));
      context.lineWidth = 2 * plot.ratio;
      context.beginPath();
      for (const [confidence, right] of bins) { // the gap between confidence and accuracy
        context.moveTo(plot.x(100 * confidence), plot.y(100 * confidence));
        context.lineTo(plot.x(100 * confidence), plot.y(100 * right));
      }
      context.stroke();
      context.beginPath();
      for (const [confidence, right, count] of bins) addMarker(context, 0, plot.x(100 * confidence), plot.y(100 * right), radius(count) * plot.ratio);
      context.fill();
    },
    hit(plot, left, top) {
      const at = bins.find(([confidence, right, count]) => Math.hypot(plot.x(100 * confidence) - left, plot.y(100 * right) - top) < radius(count) + 4);
      if (!at) return null;
      const [confidence, right, count] = at;
      return { lines: [`${percent(right)} right`, `mean confidence ${percent(confidence)}`, images(count)] };
    },
    highlight() {},
  };
}

// ---- The embedding. ----

const namesOfPoints = embedding?.names ?? outcomes?.classes; // of the labels and predictions of points
const switchedOff = new Set(); // groups of the legend
let hoveredPoint = -1;

/** The groups of the points: their names, and the group of each point. */
function groupsOfPoints() {
  const { labels, predictions } = embedding;
  const kind = control("point-colours").value;
  if (kind === "right") return { names: ["right", "wrong"], of: labels.map((label, i) => Number(label !== predictions[i])) };
  const values = embedding[kind];
  const present = [...new Set(values)].sort((a, b) => a - b);
  const place = new Map(present.map((one, i) => [one, i]));
  return { names: present.map((one) => namesOfPoints[one]), of: values.map((one) => place.get(one)) };
}

let groups = { names: [], of: [] };

/** An element that shows the thumbnail of a point. */
function thumbnail(point) {
  const { uri, cell, columns, rows } = embedding.sheet;
  const share = (place, count) => (100 * place) / Math.max(1, count - 1);
  const shown = element("i");
  shown.style.backgroundImage = `url(${uri})`;
  shown.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
  shown.style.aspectRatio = `${cell[1]} / ${cell[0]}`;
  shown.style.backgroundPosition = `${share(point % columns, columns)}% ${share(Math.floor(point / columns), rows)}%`;
  return shown;
}

function describeEmbedding(width) {
  const { points, labels, predictions, confidence } = embedding;
  const ends = (axis) => domain(Math.min(...points.map((one) => one[axis])), Math.max(...points.map((one) => one[axis])), false);
  const [x, y] = [ends(0), ends(1)];
  const isShown = (point) => !switchedOff.has(groups.of[point] % MOST_GROUPS);
  return {
    height: width < 500 ? 320 : 520,
    zoomsBoth: true,
    x: { min: x[0], max: x[1], log: false, label: "" },
    y: { min: y[0], max: y[1], log: false },
    draw(context, plot) {
      const paths = new Map();
      points.forEach(([px, py], point) => {
        if (!isShown(point)) return;
        const isWrong = labels[point] !== predictions[point];
        const style = styleAt(groups.of[point] % MOST_GROUPS);
        const key = `${groups.of[point] % MOST_GROUPS} ${isWrong}`;
        if (!paths.has(key)) paths.set(key, { style, isWrong, path: new Path2D() });
        addMarker(paths.get(key).path, isWrong ? "cross" : style.marker, plot.x(px), plot.y(py), (isWrong ? 5 : 3.5) * plot.ratio);
      });
      for (const { style, isWrong, path } of [...paths.values()].sort((a, b) => a.isWrong - b.isWrong)) {
        context.fillStyle = context.strokeStyle = paint(style);
        context.lineWidth = 2 * plot.ratio;
        context.globalAlpha = isWrong ? 1 : 0.75;
        if (isWrong) context.stroke(path);
        else context.fill(path);
      }
      context.globalAlpha = 1;
    },
    hit(plot, left, top) {
      let best = null;
      let least = 18;
      points.forEach(([px, py], point) => {
        const away = Math.hypot(plot.x(px) - left, plot.y(py) - top);
        if (isShown(point) && away < least) [best, least] = [point, away];
      });
      if (best === null) return null;
      const [true_, predicted] = [labels, predictions].map((of) => namesOfPoints[of[best]]);
      const share = percent(confidence[best]);
      return { point: best, lines: labels[best] === predictions[best] ? [true_, `${share} confident`] : [`${true_}, predicted ${predicted}`, `${share} confident`] };
    },
    highlight(context, plot) {
      if (hoveredPoint < 0) return;
      const [px, py] = points[hoveredPoint];
      context.strokeStyle = inks().ink;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(plot.x(px), plot.y(py), 8, 0, 2 * Math.PI);
      context.stroke();
    },
  };
}

function makeEmbedding() {
  const chart = new Chart(control("embedding"), describeEmbedding, (found, box, left, top) => {
    if (found) {
      showTip(found.lines, box.left + left, box.top + top);
      if (hoveredPoint !== found.point || !tip.querySelector("i")) tip.append(thumbnail(found.point));
    } else hideTip();
    if ((found?.point ?? -1) === hoveredPoint) return;
    hoveredPoint = found?.point ?? -1;
    chart.highlight();
  });
  function makeLegend() {
    groups = groupsOfPoints();
    const named = groups.names.slice(0, MOST_GROUPS);
    const buttons = named.map((name, group) => {
      const button = element("button", "", { type: "button", "aria-pressed": String(!switchedOff.has(group)) });
      button.append(swatch(styleAt(group)), element("span", name));
      button.addEventListener("click", () => {
        if (!switchedOff.delete(group)) switchedOff.add(group);
        button.setAttribute("aria-pressed", String(!switchedOff.has(group)));
        chart.update();
      });
      return button;
    });
    if (groups.names.length > MOST_GROUPS) buttons.push(element("span", `and ${groups.names.length - MOST_GROUPS} more, with the same styles again`, { class: "soft" }));
    control("point-legend").replaceChildren(...buttons);
  }
  control("point-colours").value = new Set(embedding.labels).size > MOST_GROUPS ? "right" : "labels";
  control("point-colours").addEventListener("input", () => {
    switchedOff.clear();
    makeLegend();
    chart.update();
  });
  redraws.push(makeLegend);
  makeLegend();
  chart.update();
}
