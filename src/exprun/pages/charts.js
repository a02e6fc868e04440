// Charts on a canvas: uPlot draws axes and zooms; what is inside is drawn by the functions of a view.
// From page.js: data, element, inks, number, printing, PRINT_WIDTH, redraws.

const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
const SHORT_NAME = 4; // characters of a name at an axis that is written upright
const COUNTED = ["epoch", "step"]; // quantities whose values at an axis are whole numbers
const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();
const FONT = "12px system-ui, sans-serif";

/** The style of the item with an index: 7 colours, 4 markers and 4 dashes, so that 28 items differ in more than one. */
function styleAt(index) {
  const colours = data.palette.length + 1;
  return {
    color: data.palette[index % colours] ?? null, // null: the colour of text
    dash: DASHES[Math.floor(index / colours) % DASHES.length],
    marker: index % 4,
  };
}

function paint(style) {
  return style.color ?? inks().ink;
}

// Cividis (Nuñez, Anderton and Renslow 2018, doi:10.1371/journal.pone.0199239), without its darkest part: a scale that
// looks the same to people with and without red-green blindness.
const RAMP = [[42, 72, 113], [95, 98, 116], [136, 128, 115], [184, 161, 105], [229, 205, 79]];

/** The red, green and blue of a value between 0 and 1. */
function rampAt(share) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[low].map((start, i) => Math.round(start + (RAMP[low + 1][i] - start) * (place - low)));
}

/** The style of a value between 0 and 1; grey without a value. */
function styleOfShare(share) {
  return { color: Number.isFinite(share) ? `rgb(${rampAt(share).join(" ")})` : "#8a929a", dash: [], marker: 0 };
}

/** A text that is cut to a width in pixels. */
function fit(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return `${text.slice(0, length)}…`;
}

/** Write a name in the colour of text, which can be read on any ground, with the colour of its line on its left. */
function writeName(context, plot, name, style, right, middle) {
  const size = 12 * plot.ratio;
  context.font = FONT.replace("12px", `${size}px`);
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.setLineDash([]);
  context.lineWidth = 4 * plot.ratio;
  context.strokeStyle = inks().paper;
  context.strokeText(name, right, middle); // hides the lines of the grid
  context.fillStyle = inks().ink;
  context.fillText(name, right, middle);
  const left = right - context.measureText(name).width - 5 * plot.ratio;
  context.fillStyle = paint(style);
  context.fillRect(left - size, middle - 1.5 * plot.ratio, size, 3 * plot.ratio);
}

/** Add a marker to a path: a circle, a square, a triangle, a diamond, or a cross. */
function addMarker(context, marker, x, y, radius) {
  if (marker === "cross") {
    for (const side of [-1, 1]) {
      context.moveTo(x - radius, y - side * radius);
      context.lineTo(x + radius, y + side * radius);
    }
    return;
  }
  if (marker === 0) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  const corners = [
    [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
    [[0, -1.15], [1.1, 0.8], [-1.1, 0.8]],
    [[0, -1.3], [1.2, 0], [0, 1.3], [-1.2, 0]],
  ][marker - 1];
  corners.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + dx * radius, y + dy * radius));
  context.closePath();
}

/** A small canvas with the line and the marker of a style. */
function swatch(style) {
  const canvas = element("canvas");
  const ratio = Math.max(2, devicePixelRatio);
  [canvas.width, canvas.height] = [26 * ratio, 14 * ratio];
  canvas.style.cssText = "width:26px;height:14px";
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.strokeStyle = context.fillStyle = paint(style);
  context.lineWidth = 2;
  context.setLineDash(style.dash);
  context.beginPath();
  context.moveTo(0, 7);
  context.lineTo(26, 7);
  context.stroke();
  context.beginPath();
  addMarker(context, style.marker, 13, 7, 4);
  context.fill();
  return canvas;
}

/**
 * Something that is drawn again only while it is near the visible part of the page, and at most one per frame, so that
 * many points do not keep the page from answering. All are drawn once, so that nothing moves when a person scrolls.
 */
class Lazy {
  static all = [];
  static frame = 0;

  /** `everywhere`: what is drawn again wherever it is, such as a table, which people search and programs read. */
  constructor(container, everywhere = false) {
    this.container = container;
    this.everywhere = everywhere;
    this.near = false;
    this.isDrawn = false;
    this.stale = true;
    this.drawnWidth = 0;
    Lazy.all.push(this);
    new IntersectionObserver(
      (entries) => {
        this.near = entries.at(-1).isIntersecting;
        Lazy.drawNext();
      },
      { rootMargin: "300px" },
    ).observe(container);
    // A frame that was hidden, or a column, may get its width only after the first drawing.
    new ResizeObserver(() => {
      if (this.isDrawn && !printing && container.clientWidth && this.width !== this.drawnWidth) this.update();
    }).observe(container);
    redraws.push(() => this.update());
  }

  /** Draw again, as soon as a person can see it. */
  update() {
    this.stale = true;
    this.container.ariaBusy = "true";
    if (printing) this.draw();
    else Lazy.drawNext();
  }

  draw() {
    this.stale = false;
    this.isDrawn = true;
    this.drawnWidth = this.width;
    this.render();
    this.container.ariaBusy = "false";
  }

  /** Draw the next one that is out of date in the next frame. */
  static drawNext() {
    Lazy.frame ||= requestAnimationFrame(() => {
      Lazy.frame = 0;
      const next = Lazy.all.filter((one) => one.stale && (one.near || one.everywhere || !one.isDrawn)).sort((a, b) => a.fromMiddle - b.fromMiddle);
      next[0]?.draw();
      if (next.length > 1) Lazy.drawNext();
    });
  }

  /** The distance from the middle of the window. */
  get fromMiddle() {
    const { top, bottom } = this.container.getBoundingClientRect();
    return Math.abs(top + bottom - innerHeight);
  }

  get width() {
    return printing ? PRINT_WIDTH : Math.max(200, this.container.clientWidth); // 0 in a frame that is hidden
  }
}

/** The ends of an axis around values, with some space; for a logarithmic one, of the positive values. */
function domain(low, high, log) {
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (log) return uPlot.rangeLog(low, high, 10, false);
  const space = low === high ? Math.abs(low) * 0.05 || 0.5 : (high - low) * 0.04;
  return [low - space, high + space];
}

/** Whether values are positive and differ so much that only a logarithmic axis shows all of them, as after divergence. */
function isWide(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 && Math.min(...known) > 0 && Math.max(...known) > 1000 * Math.min(...known);
}

/** A value at an axis; learning rates are small, and losses of runs that diverged may have thirty digits. */
function tick(value) {
  const size = Math.abs(value);
  if (size && size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  if (size < 1) return String(Number(value.toPrecision(4)));
  return size < 1e7 ? uPlot.fmtNum(value) : number(value);
}

/** Values at an axis, with as many digits as it takes to tell them apart; null has no text. */
function ticks(values) {
  const known = values.filter((value) => value !== null);
  const texts = values.map((value) => (value === null ? "" : tick(value)));
  if (new Set(texts).size >= new Set(values).size) return texts;
  const digits = Math.ceil(-Math.log10((Math.max(...known) - Math.min(...known)) / known.length));
  return values.map((value) => (value === null ? "" : value.toFixed(Math.min(Math.max(digits, 0), 12))));
}

/** A function from values to pixels along an axis of a plot. */
function mapping(scale, length, offset, flipped) {
  const log = scale.distr === 3;
  const start = log ? Math.log10(scale.min) : scale.min;
  const factor = length / ((log ? Math.log10(scale.max) : scale.max) - start);
  const place = log ? (value) => (Math.log10(value) - start) * factor : (value) => (value - start) * factor;
  return flipped ? (value) => offset + length - place(value) : (value) => offset + place(value);
}

/**
 * A chart. `describe(width)` returns the view: `height`; the axes `x` and `y` with `min`, `max`, `log`, `label` and,
 * for names, `names` (of `x`, all `texts`, the `places` that are named, the height `high`, and the width `over` of the part of
 * the last one that lies on the right of the axis; of `y`, `texts` and their `width`),
 * and, for `x`, the `last` place that has a number;
 * `draw(context, plot)`; `hit(plot, left, top)`, which returns what is at a point, with the lines of the tip, or null;
 * `highlight(context, plot)`. `plot` has the functions `x` and `y` from values to pixels.
 */
class Chart extends Lazy {
  constructor(container, describe, onHover) {
    super(container);
    this.describe = describe;
    this.onHover = onHover;
    this.zoom = null;
  }

  render() {
    const view = (this.view = this.describe(this.width));
    const kind = JSON.stringify([this.width, view.height, view.x.log, view.y.log, view.x.label, view.x.names, view.y.names, inks()]);
    if (this.u && kind === this.kind) this.u.batch(() => this.fit());
    else this.build(kind);
    this.highlight();
  }

  /** Set the axes to the view, or to what a person has zoomed to. */
  fit() {
    const { x, y } = this.zoom ?? this.view;
    this.u.setScale("x", { min: x.min, max: x.max });
    this.u.setScale("y", { min: y.min, max: y.max });
    this.u.redraw(false, true);
  }

  build(kind) {
    this.u?.destroy();
    this.kind = kind;
    const ends = (axis) => () => [(this.zoom ?? this.view)[axis].min, (this.zoom ?? this.view)[axis].max];
    const scale = (axis) => ({ time: false, auto: false, distr: this.view[axis].log ? 3 : 1, range: ends(axis) });
    this.u = new uPlot(
      {
        width: this.width,
        height: this.view.height,
        legend: { show: false },
        padding: [8, Math.max(12, this.view.x.names?.over ?? 0), 0, 0],
        scales: { x: scale("x"), y: scale("y") },
        series: [{}, { show: false }],
        axes: [this.axis("x"), this.axis("y")],
        cursor: {
          y: false,
          points: { show: false },
          drag: { x: true, y: Boolean(this.view.zoomsBoth), uni: 20 },
          bind: { dblclick: () => () => this.unzoom() },
        },
        hooks: {
          draw: [() => this.drawInside()],
          setCursor: [() => this.hover()],
          setSelect: [({ select }) => this.zoomTo(select)],
        },
      },
      [[this.view.x.min, this.view.x.max], [null, null]],
      this.container,
    );
    this.overlay = this.u.over.appendChild(element("canvas", "", { class: "overlay" }));
  }

  axis(name) {
    const colours = inks();
    const { label, names, last = Infinity } = this.view[name];
    const common = {
      stroke: colours.soft,
      font: FONT,
      labelFont: FONT,
      grid: { stroke: colours.line, width: 1 },
      ticks: { show: false },
      values: (_, splits) => ticks(splits.map((value) => (value > last ? null : value))),
    };
    if (name === "x" && names) {
      const texts = (_, places) => places.map((place) => names.texts[place]);
      const rotate = Math.max(...names.texts.map(({ length }) => length)) > SHORT_NAME ? -42 : 0;
      return { ...common, label, labelSize: 20, size: rotate ? names.high : 30, rotate, splits: () => names.places, values: texts };
    }
    if (name === "x") return { ...common, label, labelSize: 20, size: 30, ...(COUNTED.includes(label) ? { incrs: WHOLE } : {}) };
    if (!names) return { ...common, size: (_, texts) => 16 + 7 * Math.max(3, ...(texts ?? []).map((text) => text.length)) };
    return {
      ...common,
      grid: { show: false },
      size: names.width,
      splits: () => names.texts.map((_, place) => -place),
      values: () => names.texts,
    };
  }

  /** The functions from values to pixels: of the canvas for drawing, of the window's pixels for the pointer. */
  plot(onCanvas) {
    const { bbox, over, scales } = this.u;
    const box = onCanvas ? bbox : { left: 0, top: 0, width: over.clientWidth, height: over.clientHeight };
    return {
      from: scales.x.min,
      to: scales.x.max,
      fromX: (left) => this.u.posToVal(left, "x"),
      x: mapping(scales.x, box.width, box.left, false),
      y: mapping(scales.y, box.height, box.top, true),
      ratio: onCanvas ? bbox.width / over.clientWidth : 1,
      box,
    };
  }

  drawInside() {
    const { ctx, bbox } = this.u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    this.view.draw(ctx, this.plot(true));
    ctx.restore();
  }

  hover() {
    const { left, top } = this.u.cursor;
    const found = left >= 0 ? this.view.hit(this.plot(false), left, top) : null;
    this.onHover(found, this.u.over.getBoundingClientRect(), left, top);
  }

  /** Draw what is hovered over everything else. */
  highlight() {
    if (!this.u || this.stale) return;
    const { clientWidth: width, clientHeight: height } = this.u.over;
    const ratio = devicePixelRatio;
    if (this.overlay.width !== Math.round(width * ratio) || this.overlay.height !== Math.round(height * ratio)) {
      [this.overlay.width, this.overlay.height] = [width * ratio, height * ratio].map(Math.round);
      this.overlay.style.width = `${width}px`;
      this.overlay.style.height = `${height}px`;
    }
    const context = this.overlay.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    context.scale(ratio, ratio);
    this.view.highlight(context, this.plot(false));
  }

  zoomTo(select) {
    if (select.width < 5 && select.height < 5) return;
    const { x, y } = this.zoom ?? this.view;
    const { over } = this.u;
    const wide = select.width < over.clientWidth - 1;
    const high = this.view.zoomsBoth && select.height < over.clientHeight - 1;
    const value = (place, axis) => this.u.posToVal(place, axis);
    this.zoom = {
      x: wide ? { min: value(select.left, "x"), max: value(select.left + select.width, "x") } : x,
      y: high ? { min: value(select.top + select.height, "y"), max: value(select.top, "y") } : y,
    };
    this.u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.update();
  }

  unzoom() {
    this.zoom = null;
    this.update();
    return null;
  }
}
