/* Chart.js is not used (charts.js draws with uPlot): this empty file spares 60 kB on every cold page. */
