// The rulesets: named lists of rules that can hold for many sites.

import { html, nothing } from "../../core/view.js";
import { list } from "../../core/api.js";
import { empty, Loading } from "../../core/loading.js";
import { href } from "../../core/router.js";
import { session } from "../../core/session.js";
import { head } from "../../parts/shell.js";
import { badge } from "../../parts/badge.js";
import { table } from "../../parts/table.js";
import { ruleTabs } from "../rules.js";

export default function rulesets({ draw }) {
  const all = new Loading(() => list(["rulesets"]), draw);
  const make = session.may("rulesets") ? html`<a class="button main" href=${href("rules", "new")}>New ruleset</a>` : nothing;
  return {
    title: "Rules",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Rules", "Rules of files come first and are read-only here; rulesets hold for the sites that the policy, or a site, gives them to.", make)}
      ${ruleTabs("rulesets")}
      ${all.show(({ items }) => (items.length ? rows(items) : empty("There is no ruleset yet.", "Make one, then let the policy give it to all sites, or a site to itself.")))}`,
  };
}

const rows = (items) =>
  table({
    caption: "Rulesets",
    rows: items,
    key: (set) => set.name,
    columns: [
      { label: "Name", cell: (set) => html`<a href=${href("rules", "rulesets", set.name)}>${set.name}</a>` },
      { label: "About", cell: (set) => set.description ?? "" },
      { label: "Rules", number: true, cell: (set) => set.rules.length },
      { label: "Used by", cell: (set) => (set.used_by?.length ? set.used_by.join(", ") : badge("none", "nobody")) },
      { label: "Revision", number: true, cell: (set) => set.revision },
    ],
  });
