// The page of a run: its charts, tables and buttons.
// From page.js: redraws. From table.js: sortable. From charts.js: Chart. From curves.js: makeCurves, makeLayers, onHover.
// From outcomes.js: describeCalibration, embedding, makeEmbedding, makeErrors, makeMatrix, outcomes, showErrors.

for (const table of document.querySelectorAll("table[data-sorts]")) sortable(table);
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.previousElementSibling;
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected"; // a page in a frame may not write to the clipboard
    }
  });
}
if (document.getElementById("curves")) makeCurves();
if (document.getElementById("layers")) makeLayers();
if (outcomes) {
  makeMatrix();
  if (document.getElementById("errors")) {
    makeErrors();
    redraws.push(showErrors); // a print shows all of them
  }
  if (document.getElementById("calibration")) new Chart(document.getElementById("calibration"), describeCalibration, onHover).update();
  if (embedding) makeEmbedding();
}
