// Curves: smoothing, means over seeds, drawing, and the point next to the pointer.

/** Exponential moving average with the given weight of the past, corrected for its start (Kingma and Ba 2015, section 3). */
function smoothed(values, weight) {
  if (!weight) return values;
  const found = new Float64Array(values.length);
  let sum = 0;
  let rest = 1;
  for (let i = 0; i < values.length; i++) {
    sum = weight * sum + (1 - weight) * values[i];
    rest *= weight;
    found[i] = sum / (1 - rest);
  }
  return found;
}

/** The index of the last element that is not above a value, at least 0. */
function indexBelow(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The value of a curve at x, interpolated between its points. */
function valueAt({ x, y }, at) {
  const i = indexBelow(x, at);
  if (i + 1 >= x.length || at <= x[i]) return y[i];
  return y[i] + ((y[i + 1] - y[i]) * (at - x[i])) / (x[i + 1] - x[i]);
}

/** The mean of curves and their range, at the points of the shortest curve. */
function meanCurve(curves) {
  const shortest = curves.reduce((a, b) => (b.x.at(-1) < a.x.at(-1) || (b.x.at(-1) === a.x.at(-1) && b.x.length < a.x.length) ? b : a));
  const { x } = shortest;
  const y = new Float64Array(x.length);
  const low = new Float64Array(x.length).fill(Infinity);
  const high = new Float64Array(x.length).fill(-Infinity);
  for (const curve of curves) {
    const same = curve.x === x;
    for (let i = 0; i < x.length; i++) {
      const value = same ? curve.y[i] : valueAt(curve, x[i]);
      y[i] += value / curves.length;
      if (value < low[i]) low[i] = value;
      if (value > high[i]) high[i] = value;
    }
  }
  return { x, y, low, high };
}

/** Add a curve to the path of a context; where it has several points per pixel, only what can be seen of them. */
function addCurve(context, plot, x, y) {
  const start = Math.max(0, indexBelow(x, plot.from));
  const end = Math.min(x.length, indexBelow(x, plot.to) + 2);
  const thin = end - start > 3 * plot.box.width;
  let pen = false;
  let column = -1;
  let [low, high, last] = [0, 0, 0];
  for (let i = start; i < end; i++) {
    const px = plot.x(x[i]);
    const py = plot.y(y[i]);
    if (!Number.isFinite(py) || !Number.isFinite(px)) {
      pen = false; // 0 on a logarithmic axis
    } else if (!pen) {
      context.moveTo(px, py);
      pen = true;
      [column, low, high] = [Math.floor(px), py, py];
    } else if (thin && Math.floor(px) === column) {
      [low, high, last] = [Math.min(low, py), Math.max(high, py), py];
    } else {
      if (thin && low < high) {
        context.lineTo(column, low);
        context.lineTo(column, high);
        context.lineTo(column, last);
      }
      context.lineTo(px, py);
      [column, low, high, last] = [Math.floor(px), py, py, py];
    }
  }
}

/** The ends of what is drawn of curves, among positive values if the axis is logarithmic. */
function extent(curves, keys, log) {
  let low = Infinity;
  let high = -Infinity;
  for (const curve of curves) {
    for (const key of keys) {
      if (!curve[key]) continue;
      const ends = endsOf(curve[key], log);
      if (ends[0] < low) low = ends[0];
      if (ends[1] > high) high = ends[1];
    }
  }
  return [low, high];
}

const knownEnds = [new WeakMap(), new WeakMap()]; // of values, which never change: linear, logarithmic

function endsOf(values, log) {
  const known = knownEnds[Number(log)];
  if (!known.has(values)) {
    const ends = [Infinity, -Infinity];
    for (const value of values) {
      if (log && !(value > 0)) continue;
      if (value < ends[0]) ends[0] = value;
      if (value > ends[1]) ends[1] = value;
    }
    known.set(values, ends);
  }
  return known.get(values);
}

/** The curve that is nearest to a point of the plot, with the index of its nearest point; null if none is near. */
function nearestCurve(curves, plot, left, top, reach = 24) {
  let best = null;
  let least = reach;
  for (const curve of curves) {
    const { x, y } = curve;
    if (plot.x(x[0]) > left + reach || plot.x(x.at(-1)) < left - reach) continue;
    const at = plot.fromX(left);
    const below = indexBelow(x, at);
    const next = Math.min(below + 1, x.length - 1);
    const index = Math.abs(plot.x(x[next]) - left) < Math.abs(plot.x(x[below]) - left) ? next : below;
    const onLine = Math.abs(plot.y(valueAt(curve, at)) - top);
    const onPoint = Math.hypot(plot.x(x[index]) - left, plot.y(y[index]) - top);
    const away = Math.min(onLine, onPoint);
    if (away < least) {
      least = away;
      best = { curve, index };
    }
  }
  return best;
}
