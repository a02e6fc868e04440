// Parallel coordinates (Inselberg 1985): an axis for each setting and metric, a line for each run.
// From page.js: element, inks, number. From charts.js: FONT, Lazy, fit.

const TOP = 34; // pixels above the axes: their names
const BOTTOM = 14;
const MIN_GAP = 84; // pixels between two axes; on a narrow screen, the chart scrolls

/** The axis of a column: `levels` for names, `min`, `max` and `log` for numbers. */
function parallelAxis({ name, values, low, log }) {
  const known = values.filter((value) => value !== null && value !== "");
  const numbers = known.every((value) => typeof value === "number");
  if (!numbers) return { name, values, levels: [...new Set(known)].sort(collator.compare) };
  const ends = [Math.min(...known), Math.max(...known)];
  const isLog = log && ends[0] > 0 && ends[1] / ends[0] > 30;
  return { name, values, low, log: isLog, min: ends[0], max: ends[1] };
}

class Parallel extends Lazy {
  /** `columns` have a name and a value for each run. `isShown(run)`, `styleOf(run)` and `lit()`, the hovered runs. */
  constructor(container, columns, { isShown, styleOf, lit, onBrush, onHover }) {
    super(container);
    Object.assign(this, { isShown, styleOf, lit, onBrush, onHover });
    this.axes = columns.map(parallelAxis);
    this.brushes = new Map(); // from the number of an axis to the two ends of what is kept, as shares of its length
    this.shares = this.axes.map((axis) => Float32Array.from(axis.values, (value) => this.share(axis, value)));
    this.canvas = container.appendChild(element("canvas"));
    this.overlay = container.appendChild(element("canvas", "", { class: "overlay" }));
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => (this.pressed = null));
    this.canvas.addEventListener("pointerleave", () => this.pressed || this.onHover(null));
  }

  /** The place of a value on its axis, from 0 at the bottom to 1 at the top; NaN without a value. */
  share(axis, value) {
    if (value === null || value === "") return NaN;
    if (axis.levels) return axis.levels.length < 2 ? 0.5 : 1 - axis.levels.indexOf(value) / (axis.levels.length - 1);
    if (axis.min === axis.max) return 0.5;
    const scale = axis.log ? Math.log : (x) => x;
    return (scale(value) - scale(axis.min)) / (scale(axis.max) - scale(axis.min));
  }

  /** Whether a run is within all brushes. */
  keeps(run) {
    for (const [axis, [low, high]] of this.brushes) {
      const share = this.shares[axis][run];
      if (!(share >= low - 1e-6 && share <= high + 1e-6)) return false;
    }
    return true;
  }

  x(axis) {
    const last = this.axes.length - 1;
    return last ? this.edge + (axis * (this.size[0] - 2 * this.edge)) / last : this.size[0] / 2;
  }

  y(share) {
    return TOP + (1 - share) * (this.size[1] - TOP - BOTTOM);
  }

  render() {
    const gaps = this.axes.length - 1;
    const width = printing ? this.width : Math.max(this.width, 90 + gaps * MIN_GAP);
    const levels = Math.max(...this.axes.map((axis) => Math.min(axis.levels?.length ?? 0, 30)));
    this.size = [width, Math.max(280, 16 * levels + TOP + BOTTOM)];
    this.edge = Math.min(70, width / (2 * gaps + 2));
    const context = this.prepare(this.canvas);
    const count = this.axes[0].values.length;
    context.globalAlpha = Math.max(0.2, Math.min(0.9, 4 / Math.sqrt(count)));
    const many = count > 100; // for which thick and dashed lines take long
    context.lineWidth = many ? 1 : 1.5;
    for (let run = 0; run < count; run++) {
      if (!this.isShown(run)) continue;
      const style = this.styleOf(run);
      context.strokeStyle = paint(style);
      context.setLineDash(many ? [] : style.dash);
      context.beginPath();
      this.addLine(context, run);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
    this.axes.forEach((axis, index) => this.drawAxis(context, axis, index));
    this.highlight();
  }

  /** Set the size of a canvas and clear it. */
  prepare(canvas) {
    const ratio = printing ? 2 : devicePixelRatio;
    const sizes = this.size.map((length) => Math.round(length * ratio));
    if (canvas.width !== sizes[0] || canvas.height !== sizes[1]) {
      [canvas.width, canvas.height] = sizes;
      canvas.style.width = `${this.size[0]}px`;
      canvas.style.height = `${this.size[1]}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, ...sizes);
    context.scale(ratio, ratio);
    return context;
  }

  addLine(context, run) {
    let pen = false;
    for (let axis = 0; axis < this.axes.length; axis++) {
      const share = this.shares[axis][run];
      if (Number.isNaN(share)) pen = false;
      else {
        context[pen ? "lineTo" : "moveTo"](this.x(axis), this.y(share));
        pen = true;
      }
    }
  }

  drawAxis(context, axis, index) {
    const { ink, soft, paper } = inks();
    const x = this.x(index);
    const room = (this.size[0] - 2 * this.edge) / Math.max(1, this.axes.length - 1);
    const isLast = index === this.axes.length - 1;
    context.strokeStyle = soft;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, this.y(0));
    context.lineTo(x, this.y(1));
    context.stroke();
    if (this.brushes.has(index)) {
      const [low, high] = this.brushes.get(index);
      context.globalAlpha = 0.35;
      context.fillStyle = ink;
      context.fillRect(x - 8, this.y(high) - 7, 16, this.y(low) - this.y(high) + 14);
      context.globalAlpha = 1;
    }
    const write = (text, at, align, color, room) => {
      const fitted = fit(context, text, room);
      const left = align === "right" ? x - 5 : align === "left" ? x + 5 : x;
      context.textAlign = align;
      context.lineWidth = 3;
      context.strokeStyle = paper;
      context.strokeText(fitted, left, at);
      context.fillStyle = color;
      context.fillText(fitted, left, at);
    };
    context.font = FONT;
    context.textBaseline = "middle";
    // On narrow screens, the names of neighbours are at two heights.
    const isNarrow = room < 130;
    const nameRoom = Math.min(isNarrow ? 1.7 * room : room - 8, 2 * Math.min(x, this.size[0] - x));
    write(axis.name, isNarrow && index % 2 ? 8 : 20, "center", ink, nameRoom);
    const labels = axis.levels
      ? axis.levels.map((level) => [String(level), this.share(axis, level)])
      : this.ticks(axis).map((value) => [number(Number(value.toPrecision(3))), this.share(axis, value)]);
    let above = -Infinity;
    for (const [text, share] of labels.sort((a, b) => b[1] - a[1])) {
      if (this.y(share) - above < 13) continue; // it would cover the one above
      above = this.y(share);
      write(text, above, isLast ? "right" : "left", soft, room - 12);
    }
  }

  /** The values that are written at an axis of numbers: the values themselves if they are few. */
  ticks(axis) {
    const distinct = [...new Set(axis.values.filter((value) => value !== null))].sort((a, b) => a - b);
    if (distinct.length <= 6) return distinct;
    const [low, high] = axis.log ? [Math.log(axis.min), Math.log(axis.max)] : [axis.min, axis.max];
    const values = Array.from({ length: 5 }, (_, i) => low + ((high - low) * i) / 4);
    return axis.log ? values.map(Math.exp) : values;
  }

  highlight() {
    if (this.stale) return;
    const context = this.prepare(this.overlay);
    for (const run of this.lit()) {
      context.lineWidth = 3;
      context.strokeStyle = paint(this.styleOf(run));
      context.beginPath();
      this.addLine(context, run);
      context.stroke();
    }
  }

  /** The axis near a place, and the share of its length there. */
  at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const axis = this.axes.findIndex((_, index) => Math.abs(this.x(index) - x) < 22);
    const share = 1 - (y - TOP) / (this.size[1] - TOP - BOTTOM);
    return { x, y, axis, share: Math.min(Math.max(share, 0), 1) };
  }

  press(event) {
    const place = this.at(event);
    if (place.axis < 0 || event.button) return;
    this.pressed = place;
    if (event.pointerType !== "touch") this.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.pressed) return this.hover(event);
    if (event.pointerType === "touch") return; // the finger scrolls; a tap chooses
    const { share, y } = this.at(event);
    if (Math.abs(y - this.pressed.y) < 4) return;
    this.pressed.moved = true;
    this.brushes.set(this.pressed.axis, [share, this.pressed.share].sort((a, b) => a - b));
    this.onBrush();
  }

  /** A click chooses a level of an axis, or gives up what was chosen there. */
  release() {
    const { axis, share, moved } = this.pressed ?? { moved: true };
    this.pressed = null;
    if (moved) return;
    const { levels } = this.axes[axis];
    const places = levels?.map((level) => this.share(this.axes[axis], level)) ?? [];
    const nearest = places.reduce((a, b) => (Math.abs(b - share) < Math.abs(a - share) ? b : a), Infinity);
    const chosen = this.brushes.get(axis);
    if (levels && !(chosen && chosen[0] <= nearest && nearest <= chosen[1])) this.brushes.set(axis, [nearest, nearest]);
    else this.brushes.delete(axis);
    this.onBrush();
  }

  hover(event) {
    const { x, y } = this.at(event);
    const gap = this.axes.findIndex((_, index) => index && this.x(index) >= x);
    let best = null;
    let least = 8;
    for (let run = 0; gap > 0 && run < this.axes[0].values.length; run++) {
      if (!this.isShown(run)) continue;
      const [from, to] = [this.shares[gap - 1][run], this.shares[gap][run]];
      const part = (x - this.x(gap - 1)) / (this.x(gap) - this.x(gap - 1));
      const away = Math.abs(this.y(from + (to - from) * part) - y);
      if (away < least) [best, least] = [run, away];
    }
    this.onHover(best, event.clientX, event.clientY);
  }
}
