// The charts of a meter's page, from the columns that came with it.
import { phone, timeChart } from "../pulso/charts.js";
import { heatMap } from "../pulso/heat.js";
import { clock, day, measure, number, percent, short, ticks, values } from "../pulso/show.js";
import { say } from "../pulso/words.js";
import { drawAnalysis } from "./analysis.js";
import "./now.js";

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
  if (bar.edited) return `${text} ${say("with_typed")}`;
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
    edited: where(bars, (bar) => bar.edited > 0),
    onZoom: tall && data.starts.length ? zoomBars : undefined, onReset: tall ? reset : undefined,
    height: tall ? (phone() ? 230 : 300) : phone() ? 170 : 190, perHour: 7,
    xTick: (index) => bars[index]?.name, tick: amount.tick, title, summary: target.dataset.summary,
  });
}

/** The line of a day, or of whatever stretch was marked: `part` is what the server said of it. */
function drawLine(part, compare) {
  const { t, v, prev, low, high, marks } = part;
  const estimated = marks.filter((mark) => mark.kind === "estimated");
  const typed = marks.filter((mark) => mark.kind === "edited");
  const isEstimated = (ts) => estimated.some((mark) => ts >= mark.start && ts < mark.end);
  const label = { missing: () => say("no_data"), estimated: () => say("estimated"), edited: () => "" };
  const format = (value, index) => {
    if (value == null) return isEstimated(t[index]) ? say("estimated") : say("no_data");
    const edit = typed.find((mark) => t[index] >= mark.start && t[index] < mark.end);
    if (edit) return `${instant.format(value)} (${say("edited", { who: edit.label })})`;
    return isEstimated(t[index]) ? `${instant.format(value)} (${say("estimated")})` : instant.format(value);
  };
  const series = [{ label: say("this_period"), color: data.color, width: 1.7, fill: true, format }];
  const columns = [t, v];
  if (compare && prev) {
    series.unshift({ label: say("previous_period"), color: "--s-before", width: 1.3, dash: [5, 4], format: (value) => (value == null ? null : instant.format(value)) });
    columns.splice(1, 0, prev);
  }
  const edge = (name) => ({ label: name, color: data.color, width: 0.8, dash: [2, 3], format: (value) => (value == null ? null : instant.format(value)) });
  if (high?.some((value) => value != null)) {
    series.push(edge(say("highest")), edge(say("lowest")));
    columns.push(high, low);
  }
  const isLong = t.at(-1) - t[0] > 86400;
  const step = t.length > 1 ? t[1] - t[0] : 60;
  const peak = data.peak && { ...data.peak, label: say("peak", { value: instant.format(data.peak.y), time: clock(data.peak.x, data.zone) }) };
  timeChart(box, {
    data: columns, series, zone: data.zone, marks: marks.map((mark) => ({ ...mark, label: label[mark.kind]() })), peak: part === data.columns ? peak : undefined,
    height: phone() ? 230 : 300, tick: instant.tick, perHour: Math.max(1, Math.round(3600 / step)),
    title: (ts) => (isLong ? `${day(ts, data.zone)}, ` : "") + clock(ts, data.zone), summary: box.dataset.summary,
    onZoom: zoom, onReset: reset,
  });
}

// Marking a stretch fetches it, as fine as it is known; a double click shows everything again.
const zoomIn = document.getElementById("zoom-in"), zoomOut = document.getElementById("zoom-out");
const zoomedBox = document.getElementById("zoomed");
const heading = document.getElementById("t-power"), named = heading?.textContent;
let compared = true, shown = null;

async function zoom(from, to) {
  const start = Math.floor(from), end = Math.ceil(to);
  if (end - start < 120) return;
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${data.zoom}?start=${start}&end=${end}`);
    if (!answer.ok) return;
    const part = await answer.json();
    if (!part.t.length) return;
    shown = { start, end };
    drawLine(part, compared);
    const moment = (ts) => `${day(ts, data.zone)}, ${clock(ts, data.zone)}`;
    zoomedBox.textContent = say("shown_span", { from: moment(start), to: moment(end), share: percent(part.known) });
    zoomOut.hidden = false;
    heading.textContent = say(data.unit === "flow" ? "flow" : "active_power");
  } catch { /* the chart stays as it is */ } finally { box.removeAttribute("aria-busy"); }
}

function zoomBars(from, to) {
  const last = data.starts.length - 2;
  const place = (x) => Math.min(last, Math.max(0, Math.round(x)));
  return zoom(data.starts[place(from)], data.starts[place(to) + 1]);
}

function reset() {
  if (!shown) return;
  shown = null;
  zoomOut.hidden = true;
  zoomedBox.textContent = "";
  heading.textContent = named;
  draw();
}

/** For whoever does not drag: the middle half of what is shown. */
function closer() {
  const whole = shown ?? (data.starts.length ? { start: data.starts[0], end: Math.min(data.starts.at(-1), Date.now() / 1000) } : { start: data.columns.t[0], end: data.columns.t.at(-1) });
  const quarter = (whole.end - whole.start) / 4;
  zoom(whole.start + quarter, whole.end - quarter);
}

function draw() {
  if (data.columns?.t.length) drawLine(data.columns, compared);
  else drawBars(box, data.bars, { tall: true, compare: true, title: (index) => data.bars[index].name });
}

if (data && box) {
  draw();
  if (data.columns?.t.length) {
    const toggle = document.getElementById("compare");
    toggle?.addEventListener("click", () => {
      compared = !compared;
      toggle.setAttribute("aria-pressed", compared);
      if (shown) zoom(shown.start, shown.end);
      else draw();
    });
    const hours = document.getElementById("hours-chart");
    drawBars(hours, data.bars, { title: (index) => say("hour_span", { from: Number(data.bars[index].name), to: (Number(data.bars[index].name) + 1) % 24 }) });
  } else if (!data.starts.length) zoomIn.hidden = true;
  zoomIn.addEventListener("click", closer);
  zoomOut.addEventListener("click", reset);
  const heat = document.getElementById("heat");
  if (heat && data.heat) {
    const unit = data.amount === "volume" ? (v) => measure(v, "L") : (v) => `${number(v / 1000, v && v < 100000 ? 2 : 1)} kWh`;
    heatMap(heat, { ...data.heat, format: (v) => (v === 0 ? short(0) : unit(v)), label: heat.dataset.summary });
  }
}

document.addEventListener("p-panel", (event) => drawAnalysis(event.target));
