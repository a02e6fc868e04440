// The page of `show`: histograms, and tables that sort and search.
// From page.js: data. From histogram.js: addHistograms. From table.js: sortable.

addHistograms(document.getElementById("histograms"), data.values, "value after scaling");
const filters = [...document.querySelectorAll("#all-classes table, #unread")].map((table) => sortable(table));
document.getElementById("search")?.addEventListener("input", ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  filters[0]((row) => words.every((word) => row.cells[0].textContent.toLowerCase().includes(word)));
});
