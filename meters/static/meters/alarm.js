// The values around an alarm, with the limit of its rule.
import { phone, timeChart } from "../pulso/charts.js";
import { clock, day, measure, number } from "../pulso/show.js";
import { say } from "../pulso/words.js";

const source = document.getElementById("alarm-data");
const box = document.getElementById("alarm-chart");

if (source && box) {
  const data = JSON.parse(source.textContent);
  const { t, v, marks } = data.columns;
  const write = (value) => (data.unit ? measure(value, data.unit, data.places) : number(value, data.places));
  const known = v.filter((value) => value !== null);
  const low = Math.min(data.limit.value, ...known), high = Math.max(data.limit.value, ...known);
  const room = (high - low || Math.abs(high) || 1) * 0.15;
  timeChart(box, {
    data: [t, v], zone: data.zone, height: phone() ? 230 : 300, perHour: 4,
    series: [{ label: data.label, color: "--s-blue", width: 1.7, format: (value) => (value == null ? say("no_data") : write(value)) }],
    marks: marks.map((mark) => ({ ...mark, label: say("no_data") })),
    limits: [data.limit], range: () => [low - room, high + room], tick: write,
    title: (ts) => `${day(ts, data.zone)}, ${clock(ts, data.zone)}`, summary: box.dataset.summary,
  });
}
