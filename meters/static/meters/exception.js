// The chart of a stretch that a rule does not believe, with what lies around it.
import { fillTable, phone, timeChart } from "../pulso/charts.js";
import { clock, day, measure, number, ticks, values } from "../pulso/show.js";
import { say } from "../pulso/words.js";

const source = document.getElementById("suspect-data");
const box = document.getElementById("suspect-chart");

if (source && box) {
  const { unit, zone, t, v, marks } = JSON.parse(source.textContent);
  const known = { W: [values.power, ticks.power], Wh: [values.energy, ticks.energy], L: [values.volume, ticks.volume] }[unit];
  const plain = (value) => (unit === "1" ? number(value, 2) : measure(value, unit, Math.abs(value) < 100 && value % 1 ? 2 : 0));
  const [format, tick] = known?.[0] && known?.[1] ? known : [plain, plain];
  const told = (value) => (value == null ? say("no_data") : format(value));
  const at = (ts) => `${day(ts, zone)}, ${clock(ts, zone)}`;
  const label = { missing: say("no_data"), estimated: say("estimated") };
  timeChart(box, {
    data: [t, v],
    series: [{ label: say("this_period"), color: "--s-blue", width: 1.7, fill: true, format: told }],
    zone,
    marks: marks.map((mark) => ({ ...mark, label: mark.label || label[mark.kind] || "" })),
    height: phone() ? 230 : 280,
    tick,
    title: at,
    summary: box.dataset.summary,
  });
  const suspect = marks.find((mark) => mark.kind === "suspect");
  const rows = t.map((ts, index) => [ts, v[index]]).filter(([ts]) => ts >= suspect.start && ts < suspect.end);
  const table = document.getElementById("suspect-table");
  if (table) fillTable(table, rows.slice(0, 300).map(([ts, value]) => [at(ts), told(value)]));
}
