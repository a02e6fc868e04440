// The report of a comparison: what is shown of it, and its charts.
// From page.js: data, element, hideTip, inks, number, redraws, showTip. From table.js: sortable. From charts.js: Chart,
// Lazy, addMarker, domain, fit, isWide, paint, styleAt, styleOfShare, swatch. From parallel.js: Parallel.
// From curves.js: describeCurves.

const { arms, runs, curves } = data;
const count = runs.arm.length;
const unit = data.percent ? " %" : "";
const runsOfArm = arms.name.map(() => []);
runs.arm.forEach((arm, run) => runsOfArm[arm].push(run));
const MOST_STYLES = 28; // what `styleAt` tells apart
const MOST_ARMS = 40; // rows of the chart of arms
const MOST_OUTLINED = 300; // markers with an outline, which tells them apart where they overlap
const control = (id) => document.getElementById(id);

// ---- What is shown. ----

const shown = new Uint8Array(count).fill(1);
const switchedOff = new Set(); // groups of the legend
let hovered = { run: -1, arm: -1 };
const drawn = []; // all charts
const haystacks = runs.name.map((name, run) =>
  ` ${name} ${arms.name[runs.arm[run]]} ${runs.repeat[run].replaceAll(/(seed|fold) /g, "$1=").replace(",", "")} ${runs.status[run]} ${runs.reason[run]} `.toLowerCase(),
);

/** The ways to colour arms: each is one list of groups, with the group of each arm. Numbers are coloured by a scale. */
const colourings = [{ name: "arm", groups: arms.name, groupOf: arms.name.map((_, arm) => arm) }];
data.factors.forEach((factor, place) => {
  const groups = [...new Set(arms.levels[place])];
  if (data.factors.length > 1 && groups.length <= MOST_STYLES) {
    const groupOf = arms.levels[place].map((level) => groups.indexOf(level));
    colourings.push({ name: factor, groups: groups.map((level) => `${factor}=${level}`), groupOf });
  }
});
colourings.push({ name: data.metric, groups: [], groupOf: arms.name.map(() => -1) });
let colouring = colourings[0];
if (arms.name.length > MOST_STYLES) colouring = colourings[1]; // a factor with few levels, or else the metric

const means = arms.mean.filter(Number.isFinite).sort((a, b) => a - b);
let styles = []; // of each arm
function setStyles() {
  styles = colouring.groupOf.map((group, arm) => {
    if (group >= 0) return styleAt(group);
    // By rank, as a few bad arms would otherwise leave the same colour for all others.
    return styleOfShare(arms.mean[arm] === null ? NaN : means.indexOf(arms.mean[arm]) / Math.max(1, means.length - 1));
  });
}
const styleOf = (run) => styles[runs.arm[run]];

const rows = [...control("runs").tBodies[0].rows];
const rowOf = new Map(rows.map((row, run) => [row, run]));
const filterRows = sortable(control("runs"));
class ShownRows extends Lazy {
  render() {
    filterRows((row) => shown[rowOf.get(row)]);
  }

  highlight() {}
}
for (const table of document.querySelectorAll("table[data-sorts]")) sortable(table);

/** Find the runs that all filters keep, and show them everywhere. */
function update() {
  const typed = control("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  // A whole setting if there is one: seed=1 is not seed=10.
  const words = typed.map((word) => (haystacks.some((text) => text.includes(` ${word} `)) ? ` ${word} ` : word));
  const arm = control("arm").value;
  const status = control("status").value;
  for (let run = 0; run < count; run++) {
    shown[run] =
      (!arm || runs.arm[run] === Number(arm)) &&
      (!status || runs.status[run] === status) &&
      !switchedOff.has(colouring.groupOf[runs.arm[run]]) &&
      words.every((word) => haystacks[run].includes(word)) &&
      parallel.keeps(run);
  }
  const left = shown.reduce((sum, one) => sum + one, 0);
  control("count").textContent = `${left} of ${count} runs`;
  control("reset").disabled = left === count;
  for (const chart of drawn) chart.update();
}

/** Show which run or arm is under the pointer, in all charts and in the table. */
function hover(run, arm, lines, x, y) {
  if (lines) showTip(lines, x, y);
  else hideTip();
  if (run === hovered.run && arm === hovered.arm) return;
  rows[hovered.run]?.classList.remove("lit");
  hovered = { run, arm };
  rows[run]?.classList.add("lit");
  for (const chart of drawn) chart.highlight();
}

const onHover = (found, box, left, top) => {
  if (found) hover(found.run, found.arm, found.lines, box.left + left, box.top + top);
  else hover(-1, -1);
};

/** The runs to highlight. */
function lit() {
  const found = hovered.run >= 0 ? [hovered.run] : hovered.arm >= 0 ? runsOfArm[hovered.arm] : [];
  return found.filter((run) => shown[run]);
}

function linesOf(run, ...more) {
  const state = runs.diverged[run] ? ", diverged" : runs.status[run] === "FINISHED" ? "" : `, ${runs.status[run]}`;
  const value = runs.value[run] === null ? "no value" : `final ${data.metric} ${number(runs.value[run])}${unit}`;
  return [arms.name[runs.arm[run]], ...more, `${value}${state}`, `${runs.repeat[run]} · ${runs.name[run]}`];
}

// ---- Dots: the chart of arms, and the metric against time. ----

/** Draw runs as markers at the places of dots. One path for each style, as many small ones take longer. */
function drawDots(context, plot, dots, radius) {
  const size = radius * plot.ratio;
  const paths = new Map();
  for (const { run, x, y } of dots) {
    const style = styleOf(run);
    const key = `${paint(style)} ${style.marker} ${runs.diverged[run]}`;
    if (!paths.has(key)) paths.set(key, { color: paint(style), isCross: runs.diverged[run], path: new Path2D() });
    const { path, isCross } = paths.get(key);
    addMarker(path, isCross ? "cross" : style.marker, plot.x(x), plot.y(y), size);
  }
  context.setLineDash([]);
  for (const { color, isCross, path } of paths.values()) {
    context.fillStyle = color;
    context.strokeStyle = isCross ? color : inks().paper;
    context.lineWidth = (isCross ? 2 : 1) * plot.ratio;
    if (!isCross) context.fill(path);
    if (isCross || dots.length <= MOST_OUTLINED) context.stroke(path);
  }
}

/** The dot nearest to a point, as what `Chart` shows of it. */
function hitDots(dots, plot, left, top, ...more) {
  let best = null;
  let least = 16;
  for (const dot of dots) {
    const away = Math.hypot(plot.x(dot.x) - left, plot.y(dot.y) - top);
    if (away < least) [best, least] = [dot, away];
  }
  return best && { run: best.run, arm: runs.arm[best.run], lines: linesOf(best.run, ...more.map((line) => line(best.run))) };
}

function highlightDots(context, plot, dots) {
  const chosen = new Set(lit());
  context.strokeStyle = inks().ink;
  context.lineWidth = 2;
  for (const { run, x, y } of dots) {
    if (!chosen.has(run)) continue;
    context.beginPath();
    context.arc(plot.x(x), plot.y(y), 8, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** The chart of arms: a row for each arm with a run that is shown, the best first. */
function describeArms(width) {
  const kept = arms.name.map((_, arm) => arm).filter((arm) => runsOfArm[arm].some((run) => shown[run] && runs.value[run] !== null));
  const few = kept.slice(0, MOST_ARMS);
  const note = control("arms-note");
  note.hidden = few.length === kept.length;
  note.textContent = `The best ${few.length} of ${kept.length} arms. Filter to see others; the table has all.`;
  const dots = few.flatMap((arm, place) => {
    const present = runsOfArm[arm].filter((run) => shown[run] && runs.value[run] !== null);
    const step = Math.min(0.14, 0.5 / present.length);
    return present.map((run, i) => ({ run, x: runs.value[run], y: -place + step * (i - (present.length - 1) / 2) }));
  });
  const spans = few.map((arm) => arms.ends[arm]).filter(([low]) => low !== null);
  const values = [...dots.map((dot) => dot.x), ...spans.flat()];
  const log = isWide(dots.map((dot) => dot.x));
  const [min, max] = domain(Math.min(...values.filter((value) => !log || value > 0)), Math.max(...values), log);
  const narrow = width < 620;
  const context = element("canvas").getContext("2d");
  context.font = FONT;
  const room = narrow ? 0 : Math.min(0.42 * width, Math.max(...few.map((arm) => context.measureText(arms.name[arm]).width), 40));
  const texts = few.map((arm) => (narrow ? "" : fit(context, arms.name[arm], room)));
  return {
    height: few.length * (narrow ? 44 : 30) + 70,
    x: { min, max, log, label: `${data.metric}${data.percent ? ", %" : ""}` },
    y: { min: -few.length + 0.4, max: narrow ? 0.75 : 0.6, names: { texts, width: narrow ? 8 : room + 14 } },
    draw(context, plot) {
      few.forEach((arm, place) => {
        const color = paint(styles[arm]);
        const [low, high] = arms.ends[arm];
        if (low !== null) {
          context.fillStyle = color;
          context.globalAlpha = 0.25;
          const left = Math.max(plot.box.left, plot.x(low)); // 0 is outside a logarithmic axis
          context.fillRect(left, plot.y(-place) - 7 * plot.ratio, plot.x(high) - left, 14 * plot.ratio);
          context.globalAlpha = 1;
        }
        context.fillStyle = inks().ink;
        if (runsOfArm[arm].length > 1) {
          context.fillRect(plot.x(arms.mean[arm]) - plot.ratio, plot.y(-place) - 9 * plot.ratio, 2 * plot.ratio, 18 * plot.ratio);
        }
        if (narrow) {
          context.font = `${12 * plot.ratio}px system-ui, sans-serif`;
          context.textBaseline = "bottom";
          context.textAlign = "left";
          context.fillText(fit(context, arms.name[arm], plot.box.width - 8), plot.box.left + 2, plot.y(-place) - 11 * plot.ratio);
        }
      });
      drawDots(context, plot, dots, 4.5);
    },
    hit(plot, left, top) {
      const arm = few[Math.round((top - plot.y(0)) / (plot.y(-1) - plot.y(0)))];
      return hitDots(dots, plot, left, top) ?? (arm === undefined ? null : { run: -1, arm, lines: linesOfArm(arm) });
    },
    highlight: (context, plot) => highlightDots(context, plot, dots),
  };
}

function linesOfArm(arm) {
  const present = runsOfArm[arm].filter((run) => runs.value[run] !== null).length;
  const [low, high] = arms.ends[arm];
  const interval = low === null ? "" : `, 95 % interval ${number(low)} to ${number(high)}`;
  return [arms.name[arm], `mean ${number(arms.mean[arm])}${unit}${interval}`, `${present} run${present === 1 ? "" : "s"}`];
}

const seconds = runs.metrics["time/seconds"] ?? [];

function describeTimes(width) {
  const dots = [];
  for (let run = 0; run < count; run++) {
    if (shown[run] && seconds[run] != null && runs.value[run] !== null) dots.push({ run, x: seconds[run], y: runs.value[run] });
  }
  const ends = (axis) => [Math.min(...dots.map((dot) => dot[axis])), Math.max(...dots.map((dot) => dot[axis]))];
  const log = ends("x")[0] > 0 && ends("x")[1] / ends("x")[0] > 30;
  const logY = isWide(dots.map((dot) => dot.y));
  const [x, y] = [domain(...ends("x"), log), domain(...ends("y"), logY)];
  return {
    height: width < 500 ? 260 : 340,
    zoomsBoth: true,
    x: { min: x[0], max: x[1], log, label: "seconds of training and evaluation" },
    y: { min: y[0], max: y[1], log: logY },
    draw: (context, plot) => drawDots(context, plot, dots, 4.5),
    hit: (plot, left, top) => hitDots(dots, plot, left, top, (run) => `${number(seconds[run])} s`),
    highlight: (context, plot) => highlightDots(context, plot, dots),
  };
}

// ---- The page. ----

const axes = [
  ...data.factors.map((name, place) => ({ name, values: runs.arm.map((arm) => arms.levels[place][arm]), log: true })),
  ...Object.entries(runs.metrics).map(([name, values]) => ({ name, values: name === data.metric ? runs.value : values, log: isWide(values) })),
];
const parallel = new Parallel(control("parallel"), axes, {
  isShown: (run) => shown[run],
  styleOf,
  lit,
  onBrush: () => update(),
  onHover: (run, x, y) => (run === null ? hover(-1, -1) : hover(run, runs.arm[run], linesOf(run), x, y)),
});

function makeCharts() {
  drawn.push(new Chart(control("arms"), describeArms, onHover));
  curves.metrics.forEach((name, metric) => {
    const figure = element("figure", "", { style: "margin:0" });
    const box = element("div", "", { class: "chart", role: "img", "aria-label": `${name} over the epochs` });
    figure.append(element("h3", `${name}${curves.percent[metric] ? ", %" : ""}`), box);
    control("curves").append(figure);
    drawn.push(new Chart(box, (width) => describeCurves(metric, width), onHover));
  });
  control("over-epochs").hidden = !curves.metrics.length;
  control("curves-note").hidden = curves.kept < 2;
  control("curves-note").textContent = `Of each run, one of ${curves.kept} evaluations is drawn.`;
  if (seconds.some((value) => value !== null)) drawn.push(new Chart(control("times"), describeTimes, onHover));
  else control("over-time").hidden = true;
  drawn.push(parallel, new ShownRows(control("runs").parentElement, true));
}

/** The legend: a button for each group, which switches its runs on and off. */
function makeLegend() {
  setStyles();
  const shownGroups = colouring.groups.slice(0, MOST_STYLES);
  const buttons = shownGroups.map((name, group) => {
    const button = element("button", "", { type: "button", "aria-pressed": String(!switchedOff.has(group)) });
    button.append(swatch(styleAt(group)), element("span", name));
    button.addEventListener("click", () => {
      if (!switchedOff.delete(group)) switchedOff.add(group);
      button.setAttribute("aria-pressed", String(!switchedOff.has(group)));
      update();
    });
    const arm = colouring === colourings[0] ? group : -1;
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => hover(-1, arm));
    for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => hover(-1, -1));
    return button;
  });
  if (colouring.groups.length > MOST_STYLES) {
    buttons.push(element("span", `and ${colouring.groups.length - MOST_STYLES} more`, { class: "soft" }));
  }
  control("legend").replaceChildren(...buttons);
  const ramp = control("ramp");
  ramp.hidden = colouring.groups.length > 0;
  ramp.textContent = "Arms from the lowest mean (dark blue) to the highest (yellow), by rank.";
}

function fill(select, texts, values = texts) {
  select.append(...texts.map((text, i) => element("option", text, { value: values[i] })));
}

fill(control("arm"), arms.name, arms.name.map((_, arm) => arm));
fill(control("status"), [...new Set(runs.status)].sort());
fill(control("colours"), colourings.map(({ name }) => `by ${name}`), colourings.map((_, place) => place));
control("colours").value = colourings.indexOf(colouring);
control("log-loss").checked = Object.entries(runs.metrics).some(([name, values]) => name.endsWith("loss") && isWide(values));
if (curves.points.every(([, steps]) => steps.every((step) => step === null))) control("horizontal").options[1].remove();

for (const id of ["text", "arm", "status"]) control(id).addEventListener("input", update);
control("colours").addEventListener("input", () => {
  colouring = colourings[control("colours").value];
  switchedOff.clear();
  makeLegend();
  update();
});
control("reset").addEventListener("click", () => {
  for (const id of ["text", "arm", "status"]) control(id).value = "";
  switchedOff.clear();
  parallel.brushes.clear();
  makeLegend();
  update();
});
for (const id of ["mode", "smoothing", "horizontal", "log-x", "log-loss"]) {
  control(id).addEventListener("input", () => {
    control("smoothing-value").textContent = control("smoothing").value;
    for (const chart of drawn) {
      if (control("curves").contains(chart.container)) {
        if (id === "horizontal") chart.zoom = null;
        chart.update();
      }
    }
  });
}
control("runs").addEventListener("pointerover", ({ target }) => {
  const run = rowOf.get(target.closest("tbody tr")) ?? -1;
  hover(run, run < 0 ? -1 : runs.arm[run]);
});
control("runs").addEventListener("pointerleave", () => hover(-1, -1));
redraws.push(makeLegend);

makeCharts();
makeLegend();
update();
