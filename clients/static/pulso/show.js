// How values look to people: the same as clients/kernel/show.py, with Intl.
import { say } from "./words.js";

const MINUS = "\u2212", NBSP = "\u00a0";
export const locale = document.documentElement.lang.startsWith("en") ? "en-GB" : "pt-BR";
const SYMBOLS = { BRL: "R$", USD: "US$", EUR: "€", GBP: "£" };

export function number(value, places = 0) {
  const text = Math.abs(value).toLocaleString(locale === "pt-BR" ? "pt-BR" : "en-US", {
    minimumFractionDigits: places, maximumFractionDigits: places,
  });
  return (value < 0 && Number(Math.abs(value).toFixed(places)) !== 0 ? MINUS : "") + text;
}

/** A number with as many places as it needs, at most `places`: for ticks of an axis. */
export const short = (value, places = 2) =>
  Math.abs(value).toLocaleString(locale === "pt-BR" ? "pt-BR" : "en-US", { maximumFractionDigits: places })
    .replace(/^/, value < 0 ? MINUS : "");

export const money = (cents, currency = "BRL") =>
  `${cents < 0 ? MINUS : ""}${SYMBOLS[currency] ?? currency}${NBSP}${number(Math.abs(cents) / 100, 2)}`;
export const percent = (share, places = 0) => `${number(share * 100, places)}%`;
export const measure = (value, unit, places = 0) => `${number(value, places)}${NBSP}${unit}`;

export function energy(wh, exact = false) {
  const kwh = wh / 1000;
  if (exact) return measure(kwh, "kWh", 2);
  if (Math.abs(kwh) >= 1000) return measure(kwh / 1000, "MWh", 1);
  return measure(kwh, "kWh", Math.abs(kwh) >= 100 || kwh === 0 ? 0 : 1);
}

export const power = (watts) => (Math.abs(watts) < 1000 ? measure(watts, "W") : measure(watts / 1000, "kW", 2));
export const volume = (litres) => (Math.abs(litres) < 1000 ? measure(litres, "L") : measure(litres / 1000, "m³", 2));

/** As many places as ticks need that are `step` apart, so that no two of them read alike. */
export function places(step = 1) {
  let count = 0;
  while (count < 8 && Math.abs(step * 10 ** count - Math.round(step * 10 ** count)) > 1e-6) count += 1;
  return Math.max(2, count);
}

const tick = (value, step, per, unit) => `${short(value / per, places(step / per))}${NBSP}${unit}`;

/** Ticks say the unit each time: `0`, `2 kW`, `20 mil`; `step` is how far they are apart. */
export const ticks = {
  power: (w, step) => (w === 0 ? "0" : Math.abs(w) < 1000 ? tick(w, step, 1, "W") : tick(w, step, 1000, "kW")),
  energy: (wh, step) => (wh === 0 ? "0" : Math.abs(wh) >= 1e6 ? tick(wh, step, 1e6, "MWh") : tick(wh, step, 1000, "kWh")),
  volume: (l, step) => (l === 0 ? "0" : Math.abs(l) < 1000 ? tick(l, step, 1, "L") : tick(l, step, 1000, "m³")),
  money: (cents) => (Math.abs(cents) >= 100000 ? say("thousands", { n: short(cents / 100000) }) : short(cents / 100)),
};
export const values = { power, energy: (wh) => energy(wh, true), volume, money };

const parts = (ts, zone, options) => new Date(ts * 1000).toLocaleString(locale, { timeZone: zone, ...options });
export const clock = (ts, zone) => parts(ts, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const day = (ts, zone) => parts(ts, zone, { day: "numeric", month: "short" }).replace(/ de /g, " ").replace(/\.$/, "");
export const weekday = (ts, zone) =>
  `${parts(ts, zone, { weekday: "short" }).replace(".", "")}, ${day(ts, zone)}`;
export const month = (ts, zone) => parts(ts, zone, { month: "short" }).replace(/\.$/, "");
