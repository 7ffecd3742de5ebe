// What the meter says now, and how old that is, without loading the page again.
import { locale, measure, values } from "../pulso/show.js";

const box = document.getElementById("now");
const EVERY_S = 30;
const ages = new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "short" });
let newest, busy = false, timer;

function age() {
  if (!newest?.at) return;
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - newest.at));
  const [count, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : seconds < 172800 ? [Math.round(seconds / 3600), "hour"] : [Math.round(seconds / 86400), "day"];
  const text = ages.format(-count, unit);
  const small = box.querySelector("small");
  if (small.textContent !== text) small.textContent = text;
}

async function ask() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    const answer = await fetch(box.dataset.src);
    if (!answer.ok) return;
    newest = await answer.json();
    if (!newest.at) return;
    box.hidden = false;
    box.querySelector("strong").textContent = newest.unit === "flow" ? measure(newest.v, "L/h") : values.power(newest.v);
    age();
  } catch { /* the next try is soon */ } finally { busy = false; }
}

// The feed tells that readings came; whichever meters they are of, this one is asked once a second at most.
function listen() {
  const source = new EventSource(box.dataset.live);
  source.addEventListener("meters.readings_stored", () => { timer ??= setTimeout(() => { timer = undefined; ask(); }, 1000); });
  source.addEventListener("end", () => source.close());
  addEventListener("pagehide", () => source.close());
}

if (box) {
  ask();
  setInterval(age, 1000);
  setInterval(ask, EVERY_S * 1000);
  addEventListener("load", () => setTimeout(listen, 300));
}
