// Runs in <head>, before paint: theme without a flash, page visible before Alpine, and what unfold
// leaves out for the keyboard and for screen readers. Words come from the page (#p-words).
(() => {
  const root = document.documentElement;
  let theme = root.classList.contains("dark") ? "dark" : root.classList.contains("light") ? "light" : "auto";
  try { theme = JSON.parse(localStorage.getItem("adminTheme")) || theme; } catch { /* first visit */ }
  const dark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.classList.add(dark ? "dark" : "light", "booting");
  document.addEventListener("alpine:initialized", () => root.classList.remove("booting"));

  let words = {};
  const say = (key) => words[key] ?? key;
  const ICON = ".material-symbols-outlined";
  const CLICKABLE = "span[x-on\\:click],div[x-on\\:click],a[x-on\\:click]:not([href]),"
    + "#nav-sidebar-inner [x-on\\:click]:not(a):not(button)";
  const NAMES = {
    dock_to_right: "menu", close: "close", more_horiz: "more", unfold_more: "open", expand_more: "open",
    add: "add", light_mode: "light", dark_mode: "dark", computer: "system",
  };

  // unfold opens things with <span x-on:click>: each gets a role, a name, a tab stop and the two keys.
  function makeButton(element) {
    if (element.dataset.repaired || element.id === "changelist-filter-close") return;
    if (element.matches("button,input,select,textarea,label")) return;
    element.dataset.repaired = "1";
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    const text = element.textContent.trim();
    const alone = element.matches(ICON) || text === element.querySelector(ICON)?.textContent.trim();
    if (alone && text && !element.getAttribute("aria-label")) element.setAttribute("aria-label", say(NAMES[text] ?? text));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      element.click();
    });
  }

  function asWindow(element, name) {
    element.setAttribute("role", "dialog");
    element.setAttribute("aria-modal", "true");
    if (!element.hasAttribute("aria-labelledby")) element.setAttribute("aria-label", name);
  }

  function repair(scope) {
    scope.querySelectorAll(CLICKABLE).forEach(makeButton);
    scope.querySelectorAll("code.p-secret:not([data-repaired])").forEach(addCopy);
    for (const icon of scope.querySelectorAll(`${ICON}:not([aria-hidden]):not([role])`)) icon.setAttribute("aria-hidden", "true");
    for (const box of scope.querySelectorAll("#changelist-filter > div:last-of-type")) asWindow(box, say("filters"));
    for (const box of scope.querySelectorAll("[x-data^='searchCommand'] > div")) asWindow(box, say("search_all"));
    for (const item of scope.querySelectorAll("#main ul.flex > li.\\*\\:mb-0\\!")) item.setAttribute("role", "status");
    for (const link of scope.querySelectorAll("a.addlink")) if (!link.getAttribute("aria-label")) link.setAttribute("aria-label", link.title || say("add"));
    for (const button of scope.querySelectorAll("#command-submit,#searchbar-submit")) button.setAttribute("aria-label", say("search"));
    const mark = scope.querySelector("#nav-sidebar-inner > div:first-child a:has(> .material-symbols-outlined)");
    mark?.setAttribute("aria-label", say("home"));
    const search = scope.querySelector("#searchbar");
    if (search) search.setAttribute("aria-label", search.placeholder);
    scope.querySelector("#search-input-command")?.setAttribute("aria-label", say("search_all"));
    for (const link of scope.querySelectorAll("#nav-sidebar-apps a.active")) link.setAttribute("aria-current", "page");
    for (const cell of scope.querySelectorAll("#result_list thead th.sorted")) cell.setAttribute("aria-sort", cell.matches(".descending") ? "descending" : "ascending");
    // Fields in a table are named by their column.
    for (const cell of scope.querySelectorAll("table td")) {
      for (const field of cell.querySelectorAll("input:not([type=hidden]):not([aria-label]),select:not([aria-label]),textarea:not([aria-label])")) {
        if (field.labels?.length) continue;
        const head = cell.closest("table").tHead?.rows[0]?.cells[cell.cellIndex];
        const name = cell.dataset.label || head?.textContent.trim();
        if (name) field.setAttribute("aria-label", name);
      }
    }
    for (const head of scope.querySelectorAll("table thead th")) {
      if (!head.textContent.trim() && !head.querySelector("input,svg")) head.setAttribute("aria-label", say("more"));
    }
    for (const chosen of scope.querySelectorAll(".select2-selection")) {
      const field = chosen.closest(".select2")?.previousElementSibling;
      const name = field?.labels?.[0]?.textContent.trim() || field?.getAttribute("aria-label") || say("open");
      for (const part of [chosen, ...chosen.querySelectorAll("[role=textbox]")]) part.setAttribute("aria-label", name);
    }
    scope.querySelectorAll(".simplebar-content-wrapper").forEach((box, index) => {
      const name = box.closest("#nav-sidebar-apps") ? "menu_items" : box.closest("#changelist-filter") ? "filters" : box.querySelector("#result_list") ? "list" : null;
      box.setAttribute("aria-label", name ? say(name) : `${say("area")} ${index + 1}`);
    });
  }

  // What is there to be taken elsewhere (a key, a Pix code) is copied by a button beside it.
  function addCopy(code) {
    code.dataset.repaired = "1";
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "p-copy", textContent: say("copy") });
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent.trim());
        button.textContent = say("copied");
      } catch { // not allowed, or no secure page: it is chosen, so that Ctrl+C does it
        getSelection().selectAllChildren(code);
      }
      setTimeout(() => (button.textContent = say("copy")), 2500);
    });
    button.setAttribute("aria-live", "polite");
    code.after(button);
  }

  // Windows over the page: the focus goes in, the rest is inert, and focus returns afterwards.
  function keepFocus(box) {
    let opener = null, silenced = [], was = false;
    const inside = "#search-input-command,[autofocus],input:not([type=hidden]),textarea,select,button:not(.p-close),a[href]";
    const update = () => {
      const now = getComputedStyle(box).display !== "none" && !root.classList.contains("booting");
      if (now === was) return;
      was = now;
      if (now) {
        opener = document.activeElement;
        for (let node = box; node && node !== document.body; node = node.parentElement) {
          for (const other of node.parentElement.children) {
            if (other === node || other.inert || ["SCRIPT", "STYLE"].includes(other.tagName)) continue;
            other.inert = true;
            silenced.push(other);
          }
        }
        setTimeout(() => { if (!box.contains(document.activeElement)) box.querySelector(inside)?.focus(); }, 40);
      } else {
        silenced.forEach((other) => (other.inert = false));
        silenced = [];
        opener?.focus?.();
      }
    };
    new MutationObserver(update).observe(box, { attributes: true, attributeFilter: ["style", "class"] });
  }

  function landmarks() {
    const main = document.getElementById("main");
    if (main) { main.setAttribute("role", "main"); main.tabIndex = -1; }
    if (!document.getElementById("content")) return;
    const skip = document.createElement("a");
    Object.assign(skip, { href: "#content", className: "p-skip", textContent: say("skip") });
    document.body.prepend(skip);
    document.getElementById("nav-sidebar-inner")?.setAttribute("aria-label", say("menu_items"));
  }

  // The phone's menu closes by a tap outside and by Esc.
  function closeMenu(event) {
    const page = window.Alpine?.$data(document.body);
    if (!page?.sidebarMobileOpen) return;
    const outside = event.type === "click" && !event.target.closest("#nav-sidebar, .p-menu-phone");
    if (event.key === "Escape" || outside) page.sidebarMobileOpen = false;
  }

  // g then a letter goes somewhere; ? shows the keys. Never in a field, and a person may switch them off.
  let armed = 0;
  function shortcut(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("pulsoKeys") === "off") return;
    if (event.target.closest?.("input,textarea,select,[contenteditable],[role=slider],dialog")) return;
    if (event.key === "g") { armed = Date.now(); return; }
    const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (link && Date.now() - armed < 1200) location.href = link.href;
    armed = 0;
    if (event.key === "?") document.getElementById("p-keys")?.showModal();
  }

  function onDom() {
    words = JSON.parse(document.getElementById("p-words")?.textContent ?? "{}");
    landmarks();
    repair(document);
    document.querySelectorAll("div:has(> #modal-content), #changelist-filter, div[x-data^='searchCommand']").forEach(keepFocus);
    for (const box of document.querySelectorAll("[data-keys-off]")) {
      box.checked = localStorage.getItem("pulsoKeys") !== "off";
      box.addEventListener("change", () => localStorage.setItem("pulsoKeys", box.checked ? "on" : "off"));
    }
    document.querySelectorAll("[data-close-dialog]").forEach((button) => button.addEventListener("click", () => button.closest("dialog").close()));
    addEventListener("click", closeMenu);
    addEventListener("keydown", closeMenu);
    addEventListener("keydown", shortcut);
    document.querySelector("[aria-invalid=true], .errors input, .errors textarea, .errors select")?.focus();
  }

  document.addEventListener("DOMContentLoaded", onDom);
  addEventListener("load", () => setTimeout(() => repair(document), 60)); // simplebar builds its boxes on load
  document.addEventListener("htmx:afterSettle", (event) => {
    repair(event.target);
    const box = event.target.closest("#modal-content");
    if (!box) return;
    const title = box.querySelector("h2");
    if (title) { title.id = "p-dialog-title"; box.setAttribute("role", "dialog"); box.setAttribute("aria-modal", "true"); box.setAttribute("aria-labelledby", title.id); }
    box.querySelector("[aria-invalid=true],[autofocus],input:not([type=hidden]),textarea,select,button[type=submit]")?.focus();
  });
  // A window or a tab that could not be fetched says so, instead of staying grey.
  document.addEventListener("htmx:responseError", (event) => {
    const box = event.detail.target;
    if (!box || box.matches("[role=tabpanel]")) return;
    const note = document.createElement("p");
    Object.assign(note, { className: "p-note", role: "alert", textContent: say("failed") });
    box.prepend(note);
  });
})();
