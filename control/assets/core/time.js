// Instants in the site's zone, with the viewer's beside it.

import { html, nothing } from "./view.js";
import { length } from "./numbers.js";

/** The viewer's own zone. */
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const formats = new Map();

function format(zone, fields, name) {
  const key = `${zone} ${name}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: known(zone), hourCycle: "h23", ...fields }));
  return formats.get(key);
}

/** A zone that this browser knows, else UTC: its tz database may be older than the server's. */
function known(zone) {
  try {
    Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

const CLOCK = { hour: "2-digit", minute: "2-digit" };
const DAY = { day: "numeric", month: "short" };

export const clock = (at, zone) => format(zone, CLOCK, "clock").format(new Date(at));
export const toSecond = (at, zone) => format(zone, { ...CLOCK, second: "2-digit" }, "second").format(new Date(at));
const year = (at, zone) => format(zone, { year: "numeric" }, "year").format(new Date(at));
export const day = (at, zone) => format(zone, DAY, "day").format(new Date(at));

const full = (at, zone) => format(zone, { ...DAY, year: "numeric", ...CLOCK, second: "2-digit" }, "full").format(new Date(at));

/** Whether two zones read the same clock at this instant. */
const agree = (at, one, other) => full(at, one) === full(at, other);

/**
 * An instant as an element: the site's clock, and the viewer's where it differs.
 *
 * @param {string | null} at RFC 3339
 * @param {string} [zone] the site's; the viewer's where there is none
 * @param {"auto" | "full"} [how] `auto` leaves the date out where it is today
 */
export function moment(at, zone = HERE, how = "auto") {
  if (!at) return nothing;
  const written = how === "full" ? full(at, zone) : shortly(at, zone);
  const own = agree(at, zone, HERE) ? nothing : html` <span class="yours">(${clock(at, HERE)} yours)</span>`;
  return html`<time datetime=${at} title="${full(at, zone)} ${zone}">${written}${own}</time>`;
}

function shortly(at, zone) {
  const same = day(at, zone) === day(Date.now(), zone) && Math.abs(new Date(at) - Date.now()) < 86_400_000;
  if (same) return clock(at, zone);
  const thisYear = year(at, zone) === year(Date.now(), zone);
  return `${day(at, zone)}${thisYear ? "" : ` ${year(at, zone)}`} ${clock(at, zone)}`;
}

/** How far off an instant is: "in 12 min", "3 h ago", "now". */
export function away(at, now = Date.now()) {
  const seconds = Math.round((new Date(at) - now) / 1000);
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `in ${length(seconds)}` : `${length(-seconds)} ago`;
}

/** The value of an `<input type="datetime-local">`, as RFC 3339 in UTC; null where it is empty. */
export const fromInput = (value) => (value ? `${new Date(value).toISOString().slice(0, 19)}Z` : null);

/** An instant as the value of an `<input type="datetime-local">`, in the viewer's zone. */
export function toInput(at) {
  if (!at) return "";
  const moved = new Date(at);
  moved.setMinutes(moved.getMinutes() - moved.getTimezoneOffset());
  return moved.toISOString().slice(0, 16);
}
