// "Acabou de acontecer": the tenant's events as they happen. New rows never move the focus; what came
// while paused waits behind a button. The browser resumes by the last event's id.
import { clock, money, number } from "./show.js";
import { say } from "./words.js";

const MOST = 7;
const list = document.getElementById("p-feed"), state = document.getElementById("p-live");
const pause = document.getElementById("p-live-pause"), more = document.getElementById("p-live-more");
let paused = false, waiting = [];

// What each kind of fact says, and where it leads. Readings come by the thousand: one line counts them.
const FACTS = {
  "billing.payment_received": (d) => ({ who: d.client, text: say("paid_with", { money: money(d.amount_cents, d.currency) }), link: `billing/invoice/${d.invoice}/change/` }),
  "messaging.message_sent": (d) => ({ who: d.client, text: say("was_told"), link: `messaging/message/${d.message}/change/` }),
  "messaging.message_read": (d) => ({ who: d.client, text: say("has_read"), link: `messaging/message/${d.message}/change/` }),
  "meters.alarm_raised": (d) => ({ who: d.meter, text: say("alarm_rang", { rule: d.rule }), link: `meters/alarmevent/${d.event}/change/` }),
  "meters.alarm_cleared": (d) => ({ who: d.meter, text: say("alarm_over", { rule: d.rule }), link: `meters/alarmevent/${d.event}/change/` }),
  "meters.readings_stored": (d) => ({ text: say("readings_came", { n: number(d.count) }), count: d.count, link: "meters/meter/" }),
};

function row({ who, text, link }) {
  const item = document.createElement("li"), time = document.createElement("time"), body = document.createElement("span");
  const now = new Date();
  time.dateTime = now.toISOString();
  time.textContent = clock(now / 1000, list.dataset.zone || undefined);
  const name = document.createElement("a");
  name.className = "p-link";
  name.textContent = who ?? text;
  name.href = list.dataset.office + link;
  body.append(name, who ? ` ${text}` : "");
  item.append(time, body);
  item.className = "is-new";
  return item;
}

// While the newest line is about readings, more readings count up in it.
let readings = 0;
function merged(fact) {
  const first = list.firstElementChild;
  if (!fact.count || first?.dataset.count === undefined) { readings = fact.count ?? 0; return fact; }
  readings += fact.count;
  first.remove();
  return { ...fact, text: say("readings_came", { n: number(readings) }) };
}

function add(events) {
  list.querySelector(".is-empty")?.remove();
  for (const event of events) {
    const fact = merged(event), item = row(fact);
    if (fact.count) item.dataset.count = fact.count;
    list.prepend(item);
  }
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

function arrived(fact) {
  if (paused || list.contains(document.activeElement)) {
    waiting.push(fact);
    waiting = waiting.slice(-50);
    counted();
  } else add([fact]);
}

function tell(word, live) {
  state.textContent = say(word);
  state.classList.toggle("is-off", !live);
}

function listen() {
  const source = new EventSource(list.dataset.live);
  source.onopen = () => tell(paused ? "paused" : "live", !paused);
  source.onerror = () => tell("reconnecting", false);
  for (const [kind, fact] of Object.entries(FACTS)) {
    source.addEventListener(kind, (message) => arrived(fact(JSON.parse(message.data))));
  }
  source.addEventListener("end", () => { source.close(); tell("reconnecting", false); });
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
