// The chart of a stretch that a rule does not believe, with what lies around it.
import { fillTable, phone, timeChart } from "../pulso/charts.js";
import { clock, day, measure, number, places, short, ticks, values } from "../pulso/show.js";
import { say } from "../pulso/words.js";

const source = document.getElementById("suspect-data");
const box = document.getElementById("suspect-chart");

if (source && box) {
  const { unit, zone, t, v, marks, summed } = JSON.parse(source.textContent);
  const known = { W: [values.power, ticks.power], Wh: [values.energy, ticks.energy], L: [values.volume, ticks.volume] }[unit];
  const plain = (value) => (unit === "1" ? number(value, 2) : measure(value, unit, Math.abs(value) < 100 && value % 1 ? 2 : 0));
  const plainTick = (value, step) => `${short(value, places(step))}${unit === "1" ? "" : `\u00a0${unit}`}`;
  const [format, tick] = known?.[0] && known?.[1] ? known : [plain, plainTick];
  // Sums of quarter-hours may be estimated or typed; a reading never is.
  const filled = summed ? marks.filter((mark) => mark.kind === "estimated" || mark.kind === "edited") : [];
  const isFilled = t.map((ts) => filled.some((mark) => ts >= mark.start && ts < mark.end));
  const told = (value, index) => (value == null ? say("no_data") : isFilled[index] ? `${format(value)} (${say("estimated")})` : format(value));
  const part = (wanted) => v.map((value, index) => (isFilled[index] === wanted ? value : null));
  const series = [{ label: say("this_period"), color: "--s-blue", width: 1.7, fill: true, format: (value, index) => (value != null ? format(value) : isFilled[index] ? null : say("no_data")) }];
  const columns = [t, part(false)];
  if (filled.length) {
    series.push({ label: say("estimated"), color: "--s-orange", width: 1.7, dash: [5, 4], format: (value) => (value == null ? null : format(value)) });
    columns.push(part(true));
  }
  const at = (ts) => `${day(ts, zone)}, ${clock(ts, zone)}`;
  const label = { missing: say("no_data"), estimated: say("estimated") };
  timeChart(box, {
    data: columns,
    series,
    zone,
    marks: marks.map((mark) => ({ ...mark, label: mark.label || label[mark.kind] || "" })),
    height: phone() ? 230 : 280,
    tick,
    title: at,
    summary: box.dataset.summary,
  });
  const suspect = marks.find((mark) => mark.kind === "suspect");
  const rows = t.map((ts, index) => [ts, told(v[index], index)]).filter(([ts]) => ts >= suspect.start && ts < suspect.end);
  const table = document.getElementById("suspect-table");
  if (table) fillTable(table, rows.slice(0, 300).map(([ts, text]) => [at(ts), text]));
}
