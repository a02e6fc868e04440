// The page of a run: its charts, tables and buttons.
// From page.js: redraws. From table.js: sortable. From charts.js: Chart. From curves.js: makeCurves, makeLayers, onHover.
// From outcomes.js: describeCalibration, embedding, makeEmbedding, makeErrors, makeMatrix, outcomes, showErrors.

for (const table of document.querySelectorAll("table[data-sorts]")) sortable(table);
if (document.getElementById("curves")) makeCurves();
if (document.getElementById("layers")) makeLayers();
if (outcomes) {
  if (document.getElementById("matrix")) makeMatrix();
  if (document.getElementById("errors")) {
    makeErrors();
    redraws.push(showErrors); // a print shows all of them
  }
  if (document.getElementById("calibration")) new Chart(document.getElementById("calibration"), describeCalibration, onHover).update();
  if (embedding) makeEmbedding();
}
