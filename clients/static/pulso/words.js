// Words that the page brought along, in the reader's language (template tag `words`).
let words;

export function say(key, values = {}) {
  words ??= JSON.parse(document.getElementById("p-words")?.textContent ?? "{}");
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
