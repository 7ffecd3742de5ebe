// "Acabou de acontecer": the tenant's events as they happen. New rows never move the focus; what came
// while paused waits behind a button. The browser resumes by the last event's id.
import { clock } from "./show.js";
import { say } from "./words.js";

const MOST = 7;
const list = document.getElementById("p-feed"), state = document.getElementById("p-live");
const pause = document.getElementById("p-live-pause"), more = document.getElementById("p-live-more");
let paused = false, waiting = [];

function row({ at, who, text, link }) {
  const item = document.createElement("li"), time = document.createElement("time"), body = document.createElement("span");
  time.dateTime = at;
  time.textContent = clock(Date.parse(at) / 1000, list.dataset.zone || undefined);
  const name = document.createElement(link ? "a" : "span");
  name.className = link ? "p-link" : "p-strong";
  name.textContent = who ?? "";
  if (link) name.href = link;
  body.append(name, ` ${text}`);
  item.append(time, body);
  item.className = "is-new";
  return item;
}

function add(events) {
  list.querySelector(".is-empty")?.remove();
  for (const event of events) list.prepend(row(event));
  while (list.children.length > MOST) list.lastElementChild.remove();
}

function counted() {
  more.hidden = waiting.length === 0;
  more.textContent = say("new_rows", { n: waiting.length });
}

function flush() {
  add(waiting);
  waiting = [];
  counted();
}

function arrived(message) {
  const event = JSON.parse(message.data);
  if (!event.text) return;
  if (paused || list.contains(document.activeElement)) {
    waiting.push(event);
    waiting = waiting.slice(-50);
    counted();
  } else add([event]);
}

function tell(word, live) {
  state.textContent = say(word);
  state.classList.toggle("is-off", !live);
}

function listen() {
  const source = new EventSource(list.dataset.live);
  source.onopen = () => tell(paused ? "paused" : "live", !paused);
  source.onerror = () => tell("reconnecting", false);
  source.onmessage = arrived;
  source.addEventListener("event", arrived);
  source.addEventListener("reset", () => { waiting = []; counted(); });
  addEventListener("pagehide", () => source.close());
}

if (list?.dataset.live) {
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    pause.setAttribute("aria-label", say(paused ? "resume" : "pause"));
    pause.firstElementChild.textContent = paused ? "play_arrow" : "pause";
    tell(paused ? "paused" : "live", !paused);
    if (!paused) flush();
  });
  more.addEventListener("click", flush);
  addEventListener("load", () => setTimeout(listen, 300)); // the page first, then the stream
}
