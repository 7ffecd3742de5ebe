// Time charts on uPlot: the reader's language, units, shaded gaps, hatched estimates, comparison,
// keyboard and spoken value, theme, touch.
import { barsPlugin, css, marksPlugin } from "./paint.js";
import { clock, day, month } from "./show.js";
import { say } from "./words.js";

export const phone = () => innerWidth < 640;

function tipPlugin(rows, title, box) {
  let tip;
  const line = (row, text) => {
    const element = document.createElement("div"), name = document.createElement("span");
    const swatch = document.createElement("i"), value = document.createElement("b");
    swatch.style.background = css(row.color);
    name.append(swatch, row.label);
    value.textContent = text;
    element.append(name, value);
    return element;
  };
  return { hooks: {
    init: (u) => {
      tip = document.createElement("div");
      tip.className = "p-tip";
      tip.hidden = true;
      u.over.append(tip);
      u.over.addEventListener("mouseleave", () => (tip.hidden = true));
    },
    setCursor: (u) => {
      const { idx, left } = u.cursor;
      tip.hidden = idx == null || left < 0;
      if (tip.hidden) return;
      const head = document.createElement("b");
      head.textContent = title(u.data[0][idx], idx);
      tip.replaceChildren(head);
      const spoken = [head.textContent];
      for (const row of rows) {
        const text = row.format(u.data[row.series][idx], idx);
        if (text == null) continue;
        tip.append(line(row, text));
        spoken.push(`${row.label} ${text}`);
      }
      const room = u.over.clientWidth, wide = tip.offsetWidth;
      tip.style.left = `${left + 14 + wide > room ? Math.max(0, left - wide - 14) : left + 14}px`;
      tip.style.top = "6px";
      if (document.activeElement === box) {
        box.setAttribute("aria-valuetext", spoken.join(", "));
        box.setAttribute("aria-valuenow", idx);
      }
    },
  } };
}

// A stretch that was marked is told to the page, which brings it in more detail.
const zoomPlugin = (onZoom) => ({ hooks: onZoom ? {
  setSelect: (u) => {
    const { left, width } = u.select;
    if (width < 8) return;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    onZoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
  },
} : {} });

function timeTicks(zone) {
  return (u, splits, index, space, increment) => splits.map((ts) => {
    if (increment >= 86400 * 27) return month(ts, zone);
    if (increment >= 86400) return day(ts, zone);
    const time = clock(ts, zone); // over several days midnight is where the day begins
    return time === "00:00" && splits.at(-1) - splits[0] > 86400 ? day(ts, zone) : time;
  });
}

function seriesOf(s) {
  return {
    label: s.label, stroke: () => css(s.color), width: s.width ?? 2, dash: s.dash, spanGaps: false,
    points: { show: false },
    fill: s.bars ? () => css(s.color) : s.fill ? () => `${css(s.color)}1f` : undefined,
    paths: s.bars ? uPlot.paths.bars({ size: [0.72, 40], radius: 0.18 }) : s.step ? uPlot.paths.stepped({ align: 1 }) : undefined,
  };
}

// Lines of the scale at round numbers, the last one above all data.
function roundStep(span, lines) {
  const rough = span / lines, size = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((n) => n * size).find((step) => step >= rough * (1 - 1e-9));
}

function roundScale(height) {
  const lines = Math.max(2, Math.floor((height - 44) / (height < 200 ? 34 : 48)));
  return {
    range: (u, low, high) => {
      const bottom = Math.min(0, low ?? 0), top = Math.max(high ?? 0, 0);
      if (top <= bottom) return [0, 1];
      const step = roundStep((top - bottom) * 1.04, lines);
      return [Math.floor(bottom / step) * step, Math.ceil((top * 1.04) / step) * step || step];
    },
    splits: (u, axis, low, high) => {
      const step = roundStep(high - low, lines), found = [];
      for (let at = Math.ceil(low / step - 1e-9); at * step <= high * (1 + 1e-9); at += 1) found.push(at * step);
      return found;
    },
  };
}

// As wide as the longest number beside the scale: 377.172 L/h needs more than 800 W.
const DIGIT_PX = 7;
const widest = (u, words) => Math.max(62, 12 + DIGIT_PX * Math.max(...(words ?? [""]).map((word) => `${word ?? ""}`.length)));

function optionsOf(box, given, width) {
  const { data, series, zone, height = 280, tick, range, title, xTick, sync, marks, limits, peak, estimated, edited, growing } = given;
  const axis = {
    stroke: () => css("--p-faint"), font: "12px Inter, system-ui, sans-serif", ticks: { show: false },
    grid: { stroke: () => css("--p-line-soft"), width: 1 },
  };
  const bars = series.some((s) => s.bars), color = (series.find((s) => s.bars) ?? series.at(-1)).color;
  const scale = roundScale(height);
  const date = zone ? (ts) => uPlot.tzDate(new Date(ts * 1e3), zone) : undefined;
  return {
    width, height, padding: [14, xTick && !bars ? 22 : 8, 0, 0], tzDate: date,
    cursor: { y: false, drag: { x: !phone() && (!bars || !!given.onZoom), y: false, uni: 20, setScale: !given.onZoom }, bind: given.onZoom ? { dblclick: () => null } : {}, points: { size: 8 }, sync: sync ? { key: sync } : undefined },
    scales: {
      x: { time: !xTick, range: bars ? (u, low, high) => [low - 0.6, high + 0.6] : undefined },
      y: { range: range ?? scale.range },
    },
    series: [{}, ...series.map(seriesOf)],
    axes: [
      { ...axis, grid: { show: false }, space: 56, size: 30, values: xTick ? (u, splits) => splits.map((v) => (v % 1 ? "" : xTick(v) ?? "")) : timeTicks(zone) },
      { ...axis, size: widest, space: height < 200 ? 30 : 44, splits: range ? undefined : scale.splits, values: (u, splits) => splits.map((v) => tick(v, splits[1] - splits[0])) },
    ],
    plugins: [
      zoomPlugin(given.onZoom),
      marksPlugin({ marks, limits, peak, color }),
      barsPlugin({ estimated, edited, growing, color }),
      tipPlugin(series.map((s, i) => ({ series: i + 1, label: s.label, color: s.color, format: s.format })), title, box),
    ],
    data,
  };
}

// One tab stop; the arrows read the chart aloud.
function readable(box, given, chart) {
  const last = given.data[0].length - 1;
  const about = { role: "slider", tabindex: "0", "aria-label": given.summary, "aria-valuemin": 0, "aria-valuemax": Math.max(last, 0), "aria-valuenow": 0, "aria-valuetext": given.summary };
  for (const [name, value] of Object.entries(about)) box.setAttribute(name, value);
  let at = Math.floor(last / 2);
  box.ondblclick = given.onReset ?? null;
  box.onkeydown = (event) => {
    if (given.onZoom && (event.key === "+" || event.key === "-")) {
      const { min, max } = chart.scales.x, around = given.data[0][at], part = (max - min) / 4;
      if (event.key === "+") given.onZoom(Math.max(min, around - part), Math.min(max, around + part));
      else given.onReset?.();
      return;
    }
    const hour = given.perHour ?? 4;
    const move = { ArrowRight: 1, ArrowLeft: -1, PageUp: hour, PageDown: -hour, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") { chart.setCursor({ left: -10, top: -10 }); return; }
    if (move === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    at = Math.min(last, Math.max(0, at + move));
    chart.setCursor({ left: chart.valToPos(given.data[0][at], "x"), top: 20 });
  };
  box.ontouchmove = (event) => {
    const left = event.touches[0].clientX - chart.over.getBoundingClientRect().left;
    chart.setCursor({ left, top: 20 });
  };
}

const drawn = new WeakMap();

/** Draw a chart in `box`; drawing again replaces it. Returns uPlot's chart. */
export function timeChart(box, given) {
  drawn.get(box)?.();
  box.replaceChildren();
  const options = optionsOf(box, given, Math.max(box.clientWidth, 200));
  const chart = new uPlot(options, options.data, box);
  readable(box, given, chart);
  const sized = new ResizeObserver(() => {
    const width = box.clientWidth;
    if (width && Math.abs(width - chart.width) > 1) chart.setSize({ width, height: options.height });
  });
  sized.observe(box);
  const themed = new MutationObserver(() => chart.redraw(false, true));
  themed.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  document.fonts?.ready.then(() => chart.redraw(false, true));
  drawn.set(box, () => { sized.disconnect(); themed.disconnect(); chart.destroy(); });
  return chart;
}

/** Rows of a chart as a table under it: the same numbers, for everyone who wants to read or copy them. */
export function fillTable(table, rows) {
  const body = table.tBodies[0] ?? table.createTBody();
  body.replaceChildren();
  for (const cells of rows) {
    const row = body.insertRow();
    cells.forEach((text, index) => {
      const cell = index ? row.insertCell() : row.appendChild(document.createElement("th"));
      if (!index) cell.scope = "row";
      cell.textContent = text;
      if (table.tHead?.rows[0].cells[index]?.classList.contains("is-num")) cell.className = "is-num";
    });
  }
}

export const noData = () => say("no_data");
