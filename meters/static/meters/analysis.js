// The tab "Analysis": load-duration curve, habits, forecast. It is fetched when it is first shown.
import { phone, timeChart } from "../pulso/charts.js";
import { heatMap } from "../pulso/heat.js";
import { energy, measure, percent, power, ticks, volume } from "../pulso/show.js";
import { say } from "../pulso/words.js";

function load(box, { watts, base }) {
  const shares = watts.map((_, index) => index);
  timeChart(box, {
    data: [shares, watts],
    series: [{ label: say("at_least"), color: "--s-blue", width: 2, fill: true, format: power }],
    limits: [{ value: base, label: say("always_on", { value: power(base) }) }],
    height: phone() ? 200 : 230, perHour: 10, xTick: (share) => percent(share / 100), tick: ticks.power,
    title: (share) => say("of_the_time", { share: percent(share / 100) }), summary: box.dataset.summary,
  });
}

function forecast(box, { unit, names, v, low, high }) {
  const write = unit === "L" ? volume : (wh) => energy(wh, false);
  const edge = (label) => ({ label, color: "--s-before", width: 1.4, dash: [5, 4], format: (value) => (value == null ? null : write(value)) });
  timeChart(box, {
    data: [names.map((_, index) => index), v, low, high],
    series: [
      { label: say("expected"), color: "--s-gold", width: 0, bars: true, format: (value) => (value == null ? say("no_data") : write(value)) },
      edge(say("lowest")), edge(say("highest")),
    ],
    estimated: v.map((value, index) => index).filter((index) => v[index] != null),
    height: phone() ? 170 : 190, perHour: 1, xTick: (index) => names[index], tick: unit === "L" ? ticks.volume : ticks.energy,
    title: (index) => names[index], summary: box.dataset.summary,
  });
}

export function drawAnalysis(panel) {
  const source = panel.querySelector("#analysis-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const boxes = { load: panel.querySelector("#load-chart"), forecast: panel.querySelector("#forecast-chart"), heat: panel.querySelector("#habit") };
  if (boxes.load && data.load) load(boxes.load, data.load);
  if (boxes.forecast && data.forecast) forecast(boxes.forecast, data.forecast);
  if (boxes.heat && data.heat) {
    const format = data.heat.unit === "W" ? power : (v) => measure(v, "L/h");
    heatMap(boxes.heat, { rows: data.heat.rows, names: data.heat.names, every: 1, format, label: boxes.heat.dataset.summary });
  }
}
