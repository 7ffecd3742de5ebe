// The charts of a meter's page, from the columns that came with it.
import { phone, timeChart } from "../pulso/charts.js";
import { heatMap } from "../pulso/heat.js";
import { clock, measure, number, percent, short, ticks, values } from "../pulso/show.js";
import { say } from "../pulso/words.js";

const source = document.getElementById("meter-data");
const data = source ? JSON.parse(source.textContent) : null;
const box = document.getElementById("main-chart");
const instant = {
  power: { format: values.power, tick: ticks.power },
  flow: { format: (v) => measure(v, "L/h"), tick: (v) => (v === 0 ? "0" : measure(v, "L/h")) },
}[data?.unit];
const amount = { format: values[data?.amount], tick: ticks[data?.amount] };
const numbered = (items) => items.map((_, index) => index);
const where = (items, test) => numbered(items).filter((index) => test(items[index]));

/** Hours or days about which nothing, or not all, is known, joined where they are neighbours. */
function holes(bars) {
  const marks = [];
  for (const index of where(bars.slice(0, data.growing ?? data.begun), (bar) => bar.known < 0.9)) {
    const last = marks.at(-1);
    if (last && last.end === index - 0.5) last.end = index + 0.5;
    else marks.push({ start: index - 0.5, end: index + 0.5, kind: "missing", label: "" });
  }
  return marks;
}

function barText(bar) {
  const index = data.bars.indexOf(bar);
  if (bar.amount === null) return say(index < data.begun ? "no_data" : "not_yet");
  if (index === data.growing) return `${amount.format(bar.amount)} ${say("so_far")}`;
  const text = amount.format(bar.amount);
  if (bar.is_estimated) return `${text} ${say("with_estimate")}`;
  return bar.known < 0.999 ? `${text} (${say("of_the_data", { share: percent(bar.known) })})` : text;
}

function drawBars(target, bars, { title, tall, compare }) {
  const before = bars.map((bar) => bar.before);
  const series = [{ label: say(data.amount), color: data.color, width: 0, bars: true, format: (v, index) => barText(bars[index]) }];
  const columns = [numbered(bars), bars.map((bar) => bar.amount)];
  if (compare && before.some((v) => v !== null)) {
    series.push({ label: say("previous_period"), color: "--s-before", width: 1.6, dash: [5, 4], format: (v) => (v == null ? null : amount.format(v)) });
    columns.push(before);
  }
  timeChart(target, {
    data: columns, series, estimated: where(bars, (bar) => bar.is_estimated && bar.amount !== null), marks: holes(bars), growing: data.growing,
    height: tall ? (phone() ? 230 : 300) : phone() ? 170 : 190, perHour: 7,
    xTick: (index) => bars[index]?.name, tick: amount.tick, title, summary: target.dataset.summary,
  });
}

function drawDay(compare) {
  const { t, v, prev, marks } = data.columns;
  const estimated = marks.filter((mark) => mark.kind === "estimated");
  const isEstimated = (ts) => estimated.some((mark) => ts >= mark.start && ts < mark.end);
  const label = { missing: say("no_data"), estimated: say("estimated") };
  const format = (value, index) => {
    if (value == null) return say("no_data");
    return isEstimated(t[index]) ? `${instant.format(value)} (${say("estimated")})` : instant.format(value);
  };
  const series = [{ label: say("this_period"), color: data.color, width: 1.7, fill: true, format }];
  const columns = [t, v];
  if (compare && prev) {
    series.unshift({ label: say("previous_period"), color: "--s-before", width: 1.3, dash: [5, 4], format: (value) => (value == null ? null : instant.format(value)) });
    columns.splice(1, 0, prev);
  }
  const step = t.length > 1 ? t[1] - t[0] : 60;
  const peak = data.peak && { ...data.peak, label: say("peak", { value: instant.format(data.peak.y), time: clock(data.peak.x, data.zone) }) };
  timeChart(box, {
    data: columns, series, zone: data.zone, marks: marks.map((mark) => ({ ...mark, label: label[mark.kind] })), peak,
    height: phone() ? 230 : 300, tick: instant.tick, perHour: Math.max(1, Math.round(3600 / step)),
    title: (ts) => clock(ts, data.zone), summary: box.dataset.summary,
  });
}

if (data && box) {
  if (data.columns?.t.length) {
    drawDay(true);
    const toggle = document.getElementById("compare");
    toggle?.addEventListener("click", () => {
      const on = toggle.getAttribute("aria-pressed") !== "true";
      toggle.setAttribute("aria-pressed", on);
      drawDay(on);
    });
    const hours = document.getElementById("hours-chart");
    drawBars(hours, data.bars, { title: (index) => say("hour_span", { from: Number(data.bars[index].name), to: (Number(data.bars[index].name) + 1) % 24 }) });
  } else drawBars(box, data.bars, { tall: true, compare: true, title: (index) => data.bars[index].name });
  const heat = document.getElementById("heat");
  if (heat && data.heat) {
    const unit = data.amount === "volume" ? (v) => measure(v, "L") : (v) => `${number(v / 1000, v && v < 100000 ? 2 : 1)} kWh`;
    heatMap(heat, { ...data.heat, format: (v) => (v === 0 ? short(0) : unit(v)), label: heat.dataset.summary });
  }
}
