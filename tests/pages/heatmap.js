new HeatMap(document.getElementById("small"), () => data.small);
new HeatMap(document.getElementById("large"), () => data.large);
