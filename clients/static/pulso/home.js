// The charts of the home page. Each card brings its columns as JSON beside the box.
import { phone, timeChart } from "./charts.js";
import { money, ticks, values } from "./show.js";
import { say } from "./words.js";

const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

function cash(box, data) {
  const days = data.days.map((_, index) => index + 1);
  const format = (cents) => (cents == null ? null : money(cents, data.currency));
  timeChart(box, {
    data: [days, data.expected, data.before, data.now],
    series: [
      { label: say("expected"), color: "--s-gold", width: 1.5, dash: [2, 4], format },
      { label: data.before_name, color: "--s-before", width: 1.8, dash: [6, 4], format },
      { label: data.now_name, color: "--s-blue", width: 2.6, fill: true, format },
    ],
    height: phone() ? 210 : 250, xTick: (d) => days[d - 1], tick: ticks.money, perHour: 7,
    title: (d) => data.days[d - 1], summary: box.dataset.summary,
  });
}

function use(box, data) {
  const days = data.days.map((_, index) => index + 1);
  const format = (v, index) => {
    if (v == null) return say("not_yet");
    const note = data.estimated.includes(index) ? say("with_estimate") : index === data.growing ? say("so_far") : "";
    return `${values[data.unit](v)} ${note}`.trim();
  };
  timeChart(box, {
    data: [days, data.v],
    series: [{ label: say(data.unit), color: data.color ?? "--s-blue", width: 0, bars: true, format }],
    estimated: data.estimated, growing: data.growing, height: phone() ? 160 : 180, perHour: 7,
    xTick: (d) => days[d - 1], tick: ticks[data.unit], title: (d) => data.days[d - 1], summary: box.dataset.summary,
  });
}

const draw = { cash, use };
for (const box of document.querySelectorAll("[data-home-chart]")) {
  const data = read(box.dataset.source);
  if (data) draw[box.dataset.homeChart](box, data);
}
