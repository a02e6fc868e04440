// Histograms of channels: one chart for each channel, one line for each split, each with its peak at 1.
// From page.js: element, hideTip, inks, number, showTip. From charts.js: Chart, FONT, domain, paint, styleAt, writeName.

const NARROW = 8; // pixels
const USUAL = 1; // inputs of a network are usually from minus this to this (LeCun et al. 1998, Efficient BackProp, 4.3)
const LARGE = 10; // values from which the range of usual ones is shown next to them

/**
 * Add the charts of the histograms to a container.
 *
 * `splits` is a list of `name`, `channels`, `edges` and, for each channel, `shares` (`chart_data` in channels.py).
 */
function addHistograms(container, splits, unit = "value") {
  const names = splits.reduce((most, { channels }) => (channels.length > most.length ? channels : most), []);
  names.forEach((name, channel) => {
    const figure = element("figure", "", { style: "margin:0" });
    const label = names.length > 1 ? `${name}, ${unit}` : unit;
    const box = element("div", "", { class: "chart", role: "img", "aria-label": `Histogram of ${label}; the table has mean and spread` });
    figure.append(box);
    container.append(figure);
    const lines = splits.map((split, place) => {
      const shares = split.shares[channel] ?? split.shares[0]; // of grey images, all channels are the same
      const peak = Math.max(...shares) || 1;
      return { name: split.name, style: styleAt(place), edges: split.edges, shares, heights: shares.map((share) => Math.sqrt(share / peak)) };
    });
    new Chart(box, () => describeHistogram(lines, label), (found, rect, left, top) => {
      if (found) showTip(found, rect.left + left, rect.top + top);
      else hideTip();
    }).update();
  });
}

function describeHistogram(lines, label) {
  const [low, high] = [Math.min(...lines.map(({ edges }) => edges[0])), Math.max(...lines.map(({ edges }) => edges.at(-1)))];
  const isLarge = Math.max(Math.abs(low), Math.abs(high)) > LARGE;
  const [min, max] = isLarge ? domain(Math.min(low, -USUAL), Math.max(high, USUAL), false) : domain(low, high, false);
  return {
    height: 200,
    x: { min, max, log: false, label },
    y: { min: 0, max: 1.1 + 0.14 * lines.length, log: false, names: { texts: [], width: 6 } }, // with room for the names
    draw: (context, plot) => {
      if (isLarge) drawUsual(context, plot);
      lines.forEach((line, place) => drawHistogram(context, plot, line, place));
      for (const line of lines) markNarrow(context, plot, line);
    },
    hit: (plot, left) => {
      const at = plot.fromX(left);
      return [number(at), ...lines.map(({ name, edges, shares }) => `${name}: ${shareAt(edges, shares, at)}`)];
    },
    highlight: () => {},
  };
}

/** The share of the values in the bin at a place, in words. */
function shareAt(edges, shares, at) {
  const bin = edges.findIndex((edge, i) => edge <= at && at <= edges[i + 1]);
  if (bin < 0) return "none";
  return `${number(100 * shares[bin])} % from ${number(edges[bin])} to ${number(edges[bin + 1])}`;
}

/** Draw the range of usual values behind the histograms. */
function drawUsual(context, plot) {
  const { ink, soft } = inks();
  const [from, to] = [plot.x(-USUAL), plot.x(USUAL)];
  const wide = Math.max(3 * plot.ratio, to - from);
  context.fillStyle = ink;
  context.globalAlpha = 0.25;
  context.fillRect((from + to - wide) / 2, plot.box.top, wide, plot.box.height);
  context.globalAlpha = 1;
  context.fillStyle = soft;
  context.font = FONT.replace("12px", `${12 * plot.ratio}px`);
  context.textAlign = "left";
  context.fillText("usual: -1 to 1", (from + to + wide) / 2 + 4 * plot.ratio, plot.box.top + 16 * plot.ratio);
}

function drawHistogram(context, plot, { name, style, edges, heights }, place) {
  const floor = plot.y(0);
  context.beginPath();
  context.moveTo(plot.x(edges[0]), floor);
  heights.forEach((height, bin) => {
    context.lineTo(plot.x(edges[bin]), plot.y(height));
    context.lineTo(plot.x(edges[bin + 1]), plot.y(height));
  });
  context.lineTo(plot.x(edges.at(-1)), floor);
  context.fillStyle = context.strokeStyle = paint(style);
  context.globalAlpha = 0.14;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1.6 * plot.ratio;
  context.setLineDash(style.dash.map((length) => length * plot.ratio));
  context.stroke();
  context.setLineDash([]);
  writeName(context, plot, name, style, plot.box.left + plot.box.width - 4 * plot.ratio, plot.box.top + (12 + 15 * place) * plot.ratio);
}

/** Draw a bar, with the range next to it, for a split whose values take up no more than a few pixels of the axis. */
function markNarrow(context, plot, { name, style, edges }) {
  const [from, to] = [plot.x(edges[0]), plot.x(edges.at(-1))];
  if (to - from > NARROW * plot.ratio) return;
  context.fillStyle = paint(style);
  context.fillRect(from, plot.y(1), Math.max(4 * plot.ratio, to - from), plot.y(0) - plot.y(1));
  const onRight = from < plot.box.left + plot.box.width / 2;
  context.textAlign = onRight ? "left" : "right";
  context.textBaseline = "alphabetic";
  context.fillStyle = inks().ink;
  context.fillText(`${name}: from ${number(edges[0])} to ${number(edges.at(-1))}`, onRight ? to + 8 * plot.ratio : from - 4 * plot.ratio, plot.y(1.06));
}
