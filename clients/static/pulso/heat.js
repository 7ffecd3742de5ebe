// A heat map of hours × days as cells: readable, printable, no canvas. Six steps of one hue.
import { say } from "./words.js";

const LIGHT = ["#eaf2fb", "#c5dbf2", "#92bce5", "#5590d0", "#1b5dae", "#0d3a75"];
const DARK = ["#16243a", "#1f3d63", "#2f5f97", "#5188c6", "#8db8f5", "#d8e8ff"];

function cell(color, title) {
  const element = document.createElement("i");
  if (color) element.style.background = color;
  else element.className = "is-missing";
  if (title) element.title = title;
  return element;
}

function word(text, className = "") {
  const element = document.createElement("span");
  element.textContent = text;
  element.className = className;
  return element;
}

/** `rows` holds 24 rows of one value (or null) per day; `names` the days' short names. */
export function heatMap(box, { rows, names, begun = names.length, every = 5, format, label }) {
  const known = rows.flat().filter((v) => v !== null), most = Math.max(...known, 0);
  const scale = document.createElement("div");
  scale.className = "p-scale";
  box.after(scale);
  box.style.gridTemplateColumns = `34px repeat(${names.length}, minmax(0, 1fr))`;
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", label);
  const paint = () => {
    const ramp = document.documentElement.classList.contains("dark") ? DARK : LIGHT;
    const shade = (v) => (v === null ? "" : ramp[most ? Math.min(5, Math.ceil((v / most) * 5)) : 0]);
    box.replaceChildren();
    rows.forEach((row, hour) => {
      box.append(word(hour % 3 ? "" : `${String(hour).padStart(2, "0")}h`, "p-heat-hour"));
      row.forEach((v, i) => {
        const isFuture = i >= begun || (i === begun - 1 && v === null);
        box.append(isFuture && v === null ? word("") : cell(shade(v), `${names[i]}, ${hour}h: ${v === null ? say("no_data") : format(v)}`));
      });
    });
    box.append(word(""));
    names.forEach((name, i) => box.append(word(i % every ? "" : name.split(/\s/)[0], "p-heat-day")));
    scale.replaceChildren(word(format(0)), ...ramp.map((color) => cell(color)), word(format(most)));
  };
  paint();
  new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
}
