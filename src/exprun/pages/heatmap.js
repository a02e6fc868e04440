// A heat map on a canvas: rows of cells whose colours show values, with a scale, and a table of the same values.
// From page.js: element, hideTip, inks, number, showTip. From charts.js: FONT, Lazy, fit, rampAt.

const ROW_HIGH = 22; // pixels: the height of a row, unless there are many
const MOST_HIGH = 640; // pixels: the height of all rows
const ROOM_FOR_TEXT = { width: 40, height: 15 }; // pixels of a cell in which its value is written
const MOST_CELLS = { rows: 400, columns: 40 }; // of the table: long ones take seconds to lay out
const [LEAST_SLANTED, MOST_SLANTED] = [15, 110]; // pixels: the width of a column with a slanted name, and its length
const SCALE_HIGH = 34; // pixels: the colour scale under the map

/** The ends of a scale of values; on a logarithmic one, 0 lies below all others, and so it has the first colour. */
function scaleOf({ values, log, low, high }) {
  let [least, most] = [Infinity, -Infinity];
  for (const row of values) {
    for (const value of row) {
      if (value === null || (log && value <= 0)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  const ends = [low ?? least, high ?? most];
  if (!(ends[0] <= ends[1])) return { ends: [0, 1], share: () => 0 };
  const place = log ? Math.log10 : (value) => value;
  const length = place(ends[1]) - place(ends[0]);
  // One value, or the same one everywhere, has the colour in the middle.
  const share = (value) => (log && value <= 0 ? 0 : length ? Math.min(Math.max((place(value) - place(ends[0])) / length, 0), 1) : 0.5);
  return { ends, share };
}

/** Every nth of some indices, so that at most `most` are left. */
function thinned(count, most) {
  const step = Math.ceil(count / most);
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

/**
 * A heat map. `describe(width)` returns the view: `rows` and `columns`, their names; `values`, one list for each row, in
 * which null is an unknown value; `label`, which says what a value is, in which unit; `rowsLabel` and `columnsLabel`.
 * If they are given: `log`, whether the scale of colours is logarithmic; `low` and `high`, its ends; `format`, the text
 * of a value; `empty`, the text of null; `note(row, column)`, a further line of the tip.
 */
class HeatMap extends Lazy {
  constructor(container, describe) {
    super(container);
    this.describe = describe;
    this.canvas = element("canvas");
    this.mark = element("div", "", { class: "overlay cell", hidden: "" });
    this.details = element("details", "", { class: "screen" });
    this.details.append(element("summary", "Table"));
    this.details.addEventListener("toggle", () => this.fillTable());
    container.append(this.canvas, this.mark);
    container.after(this.details);
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.leave());
  }

  render() {
    const view = (this.view = this.describe(this.width));
    this.format = view.format ?? number;
    this.scale = scaleOf(view);
    this.box = this.layOut(view);
    const { width, height } = this.box.whole;
    const ratio = Math.max(devicePixelRatio, 2); // sharp in print, too
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio].map(Math.round);
    this.canvas.style.cssText = `display:block;width:${width}px;height:${height}px`;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = FONT;
    this.drawCells(context, ratio);
    this.drawNames(context);
    this.drawScale(context);
    this.leave();
    if (this.details.open) this.fillTable(true);
  }

  /** The place of the cells, whose names are on their left and under them. */
  layOut({ rows, columns }) {
    const context = this.canvas.getContext("2d");
    context.font = FONT;
    const longest = Math.max(0, ...rows.map((name) => context.measureText(name).width));
    const left = Math.ceil(Math.min(longest, 0.36 * this.width)) + 8;
    const rowHigh = Math.min(ROW_HIGH, MOST_HIGH / Math.max(1, rows.length));
    const width = Math.min(this.width - left - 8, Math.max(columns.length * 64, 120));
    const height = Math.max(rows.length, 1) * rowHigh;
    const cellWide = width / Math.max(1, columns.length);
    const widest = Math.max(0, ...columns.map((name) => context.measureText(name).width));
    // Numbers of steps may be left out, but not names, as long as there is room for slanted ones.
    const isSlanted = widest + 10 > cellWide && cellWide >= LEAST_SLANTED && columns.some((name) => !isFinite(name));
    const namesHigh = isSlanted ? Math.ceil(0.75 * Math.min(widest, MOST_SLANTED)) + 6 : 16;
    return { left, top: 18, width, height, rowHigh, cellWide, isSlanted, namesHigh, whole: { width: this.width, height: height + namesHigh + 44 + SCALE_HIGH } };
  }

  /** Draw each cell, or, where there are several per pixel, the largest value of each pixel, so that no peak is lost. */
  drawCells(context, ratio) {
    const { values, rows, columns } = this.view;
    const { left, top, width, height, cellWide, rowHigh } = this.box;
    const [stepX, stepY] = [Math.ceil(1 / (cellWide * ratio)), Math.ceil(1 / (rowHigh * ratio))];
    const [across, down] = [Math.ceil(columns.length / stepX), Math.ceil(rows.length / stepY)];
    if (!across || !down) return;
    const pixels = new ImageData(across, down);
    const shares = new Float32Array(across * down).fill(-1);
    for (let row = 0; row < rows.length; row++) {
      for (let column = 0; column < columns.length; column++) {
        const value = values[row][column];
        if (value === null) continue;
        const at = 4 * (Math.floor(row / stepY) * across + Math.floor(column / stepX));
        const share = this.scale.share(value);
        if (share <= shares[at / 4]) continue;
        shares[at / 4] = share;
        pixels.data.set([...rampAt(share), 255], at);
      }
    }
    const small = element("canvas");
    [small.width, small.height] = [across, down];
    small.getContext("2d").putImageData(pixels, 0, 0);
    context.fillStyle = inks().line;
    context.fillRect(left, top, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, left, top, (width * across * stepX) / columns.length, (height * down * stepY) / rows.length);
    this.drawLines(context);
    if (cellWide < ROOM_FOR_TEXT.width || rowHigh < ROOM_FOR_TEXT.height) return;
    context.textAlign = "center";
    context.textBaseline = "middle";
    values.forEach((line, row) =>
      line.forEach((value, column) => {
        if (value === null) return;
        context.fillStyle = this.scale.share(value) > 0.45 ? "#000000" : "#ffffff";
        context.fillText(this.format(Number(value.toPrecision(2))), left + (column + 0.5) * cellWide, top + (row + 0.5) * rowHigh);
      }),
    );
  }

  /** Thin lines between cells that are large enough to be told apart. */
  drawLines(context) {
    const { left, top, width, height, cellWide, rowHigh } = this.box;
    context.fillStyle = inks().paper;
    if (rowHigh >= 8) for (let row = 1; row < this.view.rows.length; row++) context.fillRect(left, top + row * rowHigh - 0.5, width, 1);
    if (cellWide >= 8) for (let column = 1; column < this.view.columns.length; column++) context.fillRect(left + column * cellWide - 0.5, top, 1, height);
  }

  drawNames(context) {
    const { rows, columns, rowsLabel, columnsLabel } = this.view;
    const { left, top, width, height, cellWide, rowHigh, isSlanted, namesHigh } = this.box;
    context.fillStyle = inks().soft;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(rowsLabel, 0, 0);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const row of thinned(rows.length, Math.max(1, height / 13))) {
      context.fillText(fit(context, rows[row], left - 8), left - 6, top + (row + 0.5) * rowHigh);
    }
    const widest = isSlanted ? LEAST_SLANTED : Math.max(12, ...columns.map((name) => context.measureText(name).width)) + 10;
    for (const column of thinned(columns.length, Math.max(1, width / widest))) {
      const x = left + (column + 0.5) * cellWide;
      context.save();
      context.translate(isSlanted ? x + 4 : x, top + height + 5);
      context.textAlign = isSlanted ? "right" : "center";
      context.textBaseline = "top";
      if (isSlanted) context.rotate(-Math.PI / 4);
      // The names of the first columns end at the edge of the canvas.
      context.fillText(fit(context, columns[column], isSlanted ? Math.min(MOST_SLANTED, 1.4 * x - 8) : Infinity), 0, 0);
      context.restore();
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(columnsLabel, left + width / 2, top + height + namesHigh + 4);
  }

  /** The scale of colours, with its ends and what it measures. */
  drawScale(context) {
    const { label, log } = this.view;
    const { left, top, height, namesHigh } = this.box;
    const [x, y, wide] = [left, top + height + namesHigh + 28, Math.min(160, this.width - left - 20)];
    for (let i = 0; i < wide; i++) {
      context.fillStyle = `rgb(${rampAt(i / (wide - 1)).join(" ")})`;
      context.fillRect(x + i, y, 1.5, 10);
    }
    context.fillStyle = inks().soft;
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillText(this.format(this.scale.ends[0]), x, y + 13);
    context.textAlign = "right";
    context.fillText(this.format(this.scale.ends[1]), x + wide, y + 13);
    context.textAlign = "left";
    const room = this.width - x - wide - 10;
    context.textBaseline = "middle";
    context.fillText(fit(context, `${label}${log ? " (logarithmic)" : ""}`, room), x + wide + 8, y + 5);
  }

  hover({ offsetX, offsetY, clientX, clientY }) {
    const { left, top, cellWide, rowHigh } = this.box;
    const [column, row] = [Math.floor((offsetX - left) / cellWide), Math.floor((offsetY - top) / rowHigh)];
    const { rows, columns, values, label, rowsLabel, columnsLabel, note, empty = "unknown" } = this.view;
    if (rows[row] === undefined || columns[column] === undefined) {
      this.leave();
      return;
    }
    this.mark.hidden = false;
    this.mark.style.cssText = `left:${left + column * cellWide}px;top:${top + row * rowHigh}px;width:${cellWide}px;height:${rowHigh}px`;
    const value = values[row][column];
    const more = note ? [note(row, column)] : [];
    showTip([`${label}: ${value === null ? empty : this.format(value)}`, `${rowsLabel} ${rows[row]}`, `${columnsLabel} ${columns[column]}`, ...more], clientX, clientY);
  }

  leave() {
    if (this.mark.hidden) return;
    this.mark.hidden = true;
    hideTip();
  }

  /** Make the table when it is first opened: text that programs read to people. */
  fillTable(again = false) {
    if (!this.details.open || !this.view || (this.table && !again)) return;
    const { rows, columns, values, label, rowsLabel, columnsLabel, empty = "–" } = this.view;
    const [kept, across] = [thinned(rows.length, MOST_CELLS.rows), thinned(columns.length, MOST_CELLS.columns)];
    const table = element("table");
    const isThin = kept.length < rows.length || across.length < columns.length;
    const some = isThin ? `; ${kept.length} of ${rows.length} rows and ${across.length} of ${columns.length} columns` : "";
    table.append(element("caption", `${label} by ${rowsLabel} (rows) and ${columnsLabel} (columns)${some}`));
    const head = table.createTHead().insertRow();
    head.append(element("th", rowsLabel, { scope: "col" }), ...across.map((i) => element("th", columns[i], { scope: "col", class: "number" })));
    const body = table.createTBody();
    for (const row of kept) {
      const line = body.insertRow();
      line.append(element("th", rows[row], { scope: "row" }), ...across.map((i) => element("td", values[row][i] === null ? empty : this.format(values[row][i]), { class: "number" })));
    }
    const wide = element("div", "", { class: "wide", tabindex: "0" });
    wide.append(table);
    this.table?.remove();
    this.table = wide;
    this.details.append(wide);
  }
}

/** Draw the heat maps of all elements with `data-heat`, the key of the map in `maps`. */
function addHeatMaps(maps) {
  for (const box of document.querySelectorAll("[data-heat]")) new HeatMap(box, () => maps[box.dataset.heat]).update();
}
