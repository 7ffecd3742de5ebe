// Real tabs over unfold's activeTab: roles, arrows, the address remembers the tab, and a panel is
// fetched when it is first shown.
import { say } from "./words.js";

const list = document.querySelector("[role=tablist]");
const tabs = list ? [...list.querySelectorAll("[role=tab]")] : [];
const panelOf = (name) => document.getElementById(`${name}-group`);

async function fill(box) {
  if (!box?.dataset.src || box.dataset.loaded) return;
  box.dataset.loaded = "1";
  try {
    const answer = await fetch(box.dataset.src, { headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(answer.status);
    box.innerHTML = await answer.text();
    htmx.process(box);
    box.dispatchEvent(new CustomEvent("p-panel", { bubbles: true }));
  } catch {
    delete box.dataset.loaded;
    const note = document.createElement("div"), again = document.createElement("button");
    note.className = "p-note"; note.setAttribute("role", "alert");
    Object.assign(again, { type: "button", className: "p-btn", textContent: say("again") });
    again.addEventListener("click", () => fill(box));
    note.append(say("failed"), again);
    box.replaceChildren(note);
  }
}

function show(name, { focus = false, remember = true } = {}) {
  window.Alpine.$data(document.body).activeTab = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen && focus) tab.focus();
    if (chosen) list.scrollTo({ left: tab.offsetLeft - list.clientWidth / 2 + tab.clientWidth / 2 });
  }
  const first = name === tabs[0].dataset.tab;
  if (remember) history.replaceState(null, "", first ? location.pathname + location.search : `#${name}`);
  fill(panelOf(name));
}

function start() {
  const wanted = location.hash.slice(1);
  const forced = list.dataset.start !== tabs[0].dataset.tab;
  show(!forced && wanted && panelOf(wanted) ? wanted : list.dataset.start, { remember: false });
}

tabs.forEach((tab, index) => {
  tab.id = `tab-${tab.dataset.tab}`;
  tab.setAttribute("aria-controls", `${tab.dataset.tab}-group`);
  panelOf(tab.dataset.tab)?.setAttribute("aria-labelledby", tab.id);
  tab.addEventListener("click", () => show(tab.dataset.tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(tabs[(to + tabs.length) % tabs.length].dataset.tab, { focus: true });
  });
});

if (list) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-go]");
    if (!link) return;
    event.preventDefault();
    show(link.dataset.go, { focus: true });
  });
  addEventListener("hashchange", start);
  if (window.Alpine?.version && !document.documentElement.classList.contains("booting")) start();
  else document.addEventListener("alpine:initialized", start);
}
