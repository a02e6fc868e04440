// Tables that sort, filter and show their first rows.
// From page.js: element, redraws, printing.

const FIRST_ROWS = 50; // shown before a person asks for more: long tables are slow to lay out
const collator = new Intl.Collator(undefined, { numeric: true });

/** The content of a cell to sort by: the number in `data-value` or in its text, else its text. Empty cells are last. */
function sortKey(cell) {
  const text = (cell.dataset.value ?? cell.textContent).trim();
  if (text === "" || text === "–") return null;
  const value = Number(text.replaceAll(",", "").replace(/ [s%]$/, ""));
  return Number.isNaN(value) ? text : value;
}

/** The order of two keys; null is last, whatever the direction. */
function compareKeys(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * collator.compare(String(a), String(b));
}

/** Make a table sort by its headings. Returns a function that filters its rows by a condition. */
function sortable(table) {
  const body = table.tBodies[0];
  let rows = [...body.rows];
  let holds = () => true;
  let most = FIRST_ROWS;
  const more = element("button", "", { type: "button", class: "plain more" });
  table.after(more);
  more.addEventListener("click", () => {
    most = Infinity;
    show();
  });

  function show() {
    const found = rows.filter(holds);
    const rest = printing ? 0 : Math.max(0, found.length - most);
    const next = rest ? found.slice(0, most) : found;
    if (next.length !== body.rows.length || next.some((row, i) => row !== body.rows[i])) body.replaceChildren(...next);
    more.hidden = !rest;
    more.textContent = `Show ${rest} more rows`;
  }

  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = element("button", heading.textContent, { type: "button" });
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      const keys = new Map(rows.map((row) => [row, sortKey(row.cells[column])]));
      rows = rows.toSorted((a, b) => compareKeys(keys.get(a), keys.get(b), direction));
      show();
    });
  });
  redraws.push(() => {
    if (rows.length > FIRST_ROWS) show();
  });
  show();
  return (condition) => {
    holds = condition;
    show();
  };
}
