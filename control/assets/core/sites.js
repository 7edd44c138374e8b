// The sites, which many pages ask for: their names, zones and rules.

import { list } from "./api.js";

let asked = null;

/** All sites, asked for once while a page is open; `anew` asks again. */
export function sites({ anew = false } = {}) {
  if (anew || !asked) {
    asked = list(["sites"]).then(({ items }) => items);
    asked.catch(() => (asked = null));
  }
  return asked;
}

/** The zone of a site, undefined where none is chosen: then it is the viewer's. */
export const zoneOf = (all, name) => all?.find((site) => site.site === name)?.zone;

/** The names of the rules of a site, or of all sites. */
export function rulesOf(all, name) {
  const chosen = (all ?? []).filter((site) => !name || site.site === name);
  return [...new Set(chosen.flatMap((site) => site.rules.map((rule) => rule.name)))].sort();
}
