// The page of the doctor: its charts.
// From page.js: data. From series.js: addSeries. From heatmap.js: addHeatMaps. From histogram.js: addHistograms.

addSeries(data.series);
addHeatMaps(data.heat);
for (const box of document.querySelectorAll("[data-histograms]")) addHistograms(box, data.histograms[box.dataset.histograms]);
