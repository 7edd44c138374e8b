// The sites: the rules in force on each, where each comes from, and what is shadowed by what.

import { html, nothing } from "../../core/view.js";
import { get, list } from "../../core/api.js";
import { empty, failed, Loading } from "../../core/loading.js";
import { href } from "../../core/router.js";
import { session } from "../../core/session.js";
import { sites } from "../../core/sites.js";
import { clock, HERE } from "../../core/time.js";
import { head } from "../../parts/shell.js";
import { badge } from "../../parts/badge.js";
import { say } from "../../parts/say.js";
import { replace } from "../../parts/conflict.js";
import { formDialog } from "../../parts/dialog.js";
import { choose, reason } from "../../parts/field.js";
import { table } from "../../parts/table.js";
import { Explain } from "../../parts/explain.js";
import { ruleTabs } from "../rules.js";

export default function sitesPage({ name, draw }) {
  const all = new Loading(() => sites({ anew: true }), draw);
  const explain = new Explain(draw);
  let wanted = "";
  if (name) explain.form.values.site = name;
  return {
    title: name ?? "Sites",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head(name ?? "Rules", name ? "" : "What holds on each site: its file's rules first, then those of its ruleset.", name ? html`<a class="button" href=${href("rules", "sites")}>All sites</a>` : nothing)}
      ${ruleTabs("sites")}
      ${all.show((items) => (name ? one(items, name, explain, all) : many(items, wanted, (text) => ((wanted = text), draw()))))}`,
  };
}

function many(items, wanted, search) {
  if (!items.length)
    return empty("No site is configured.", html`A site is a folder with a <code>site_config.json</code> below the folder of sites.`);
  const found = items.filter(({ site, hosts }) => [site, ...hosts].some((text) => text.includes(wanted)));
  return html`<div class="filters"><div class="field"><label for="search">Site or host</label><input id="search" type="search" .value=${wanted} @input=${(event) => search(event.target.value)}></div></div>
    ${found.length ? siteTable(found) : empty(`No site or host has “${wanted}” in its name.`)}`;
}

const siteTable = (rows) =>
  table({
    caption: "Sites",
    rows,
    key: ({ site }) => site,
    columns: [
      {
        label: "Site",
        cell: ({ site, error }) =>
          html`<a href=${href("rules", "sites", site)}>${site}</a> ${site === "*" ? html`<small>hosts that have no site</small>` : nothing} ${error ? badge("bad", "File is wrong") : nothing}`,
      },
      { label: "Zone", cell: ({ zone }) => html`${zone} <small>${clock(Date.now(), zone)}</small>` },
      { label: "Rules", number: true, cell: ({ rules }) => rules.length },
      { label: "Published", cell: ({ rulesets }) => given(rulesets.published) },
      { label: "Unpublished", cell: ({ rulesets }) => given(rulesets.unpublished) },
      { label: "Shadowed", number: true, cell: ({ shadowed }) => shadowed.length || "" },
    ],
  });

/** What a site's own ruleset is, in words. */
const given = (set) => (set === "inherit" ? html`<span class="soft">by policy</span>` : (set ?? html`<span class="soft">none</span>`));

function one(items, name, explain, all) {
  const site = items.find((item) => item.site === name);
  if (!site) return empty(`There is no site ${name}.`);
  return html`${site.error ? failed({ title: "Its file is wrong, so its last rules stay in force", message: site.error }) : nothing}
    <div class="split"><div class="stack">
      <section class="card"><header><h2>Site</h2>${session.may("sites") ? html`<button class="small" @click=${() => assign(site, all)}>Assign rulesets…</button>` : nothing}</header>
        <dl class="facts">
          <div><dt>Zone</dt><dd>${site.zone}, now ${clock(Date.now(), site.zone)}${site.zone === HERE ? nothing : html` <span class="yours">(${clock(Date.now(), HERE)} yours)</span>`}</dd></div>
          <div><dt>Hosts</dt><dd>${site.hosts.join(", ") || "–"}</dd></div>
          <div><dt>Unpublished hosts</dt><dd>${site.unpublished_hosts.join(", ") || "–"}</dd></div>
          <div><dt>Ruleset, published</dt><dd>${given(site.rulesets.published)}</dd></div>
          <div><dt>Ruleset, unpublished</dt><dd>${given(site.rulesets.unpublished)}</dd></div>
        </dl></section>
      ${site.rules.length ? inForce(site) : without(site)}
      ${site.shadowed.length ? shadowed(site) : nothing}
    </div><div class="stack">${explain.view(items)}</div></div>`;
}

const without = (site) =>
  site.waiting
    ? empty("There is no such site yet.", "Its rulesets hold as soon as there is one.")
    : empty("No rule is in force here.", "Give it a ruleset, or write rules into its file.");

const inForce = (site) =>
  table({
    caption: "Rules in force, in order",
    hidden: false,
    rows: site.rules,
    key: ({ name }) => name,
    columns: [
      {
        label: "Rule",
        cell: (rule) =>
          html`<a href=${href("spenders", { site: site.site, rule: rule.name })}>${rule.name}</a> ${rule.shadow ? badge("none", "Shadow: refuses nobody") : nothing}`,
      },
      { label: "Limits", cell: ({ limits }) => limits.join("; ") },
      { label: "Account of", cell: ({ key }) => [key].flat().join(" + ") },
      { label: "From", cell: ({ from }) => origin(from) },
    ],
  });

const shadowed = (site) =>
  table({
    caption: "Shadowed: not in force, since the name stands in something that comes first",
    hidden: false,
    rows: site.shadowed,
    key: ({ name, from }) => `${name} ${from}`,
    columns: [
      { label: "Rule", cell: ({ name }) => html`<span class="shadowed">${name}</span>` },
      { label: "From", cell: ({ from }) => origin(from) },
      { label: "Shadowed by", cell: ({ by }) => origin(by) },
    ],
  });

/** Where a rule comes from: a ruleset is a link to it, of a file the folder and the name are told. */
function origin(from) {
  const ruleset = /^ruleset (.+)$/.exec(from ?? "")?.[1];
  if (ruleset) return html`<a href=${href("rules", "rulesets", ruleset)}>${from}</a>`;
  return html`<code title=${from}>${from?.split("/").slice(-2).join("/")}</code>`;
}

async function assign(site, all) {
  const [sets, now] = await Promise.all([list(["rulesets"]), get(["sites", site.site, "rulesets"])]);
  const options = [["inherit", "as the policy says"], ["", "none"], ...sets.items.map(({ name }) => [name, name])];
  const done = await formDialog({
    title: `Rulesets of ${site.site}`,
    does: "Save and put in force",
    values: { published: now.published ?? "", unpublished: now.unpublished ?? "" },
    fields: (form) =>
      html`${choose(form, "published", { label: "Published hosts", options })}${choose(form, "unpublished", { label: "Unpublished hosts", options })}${reason(form)}`,
    send: ({ published, unpublished, reason }) =>
      replace(["sites", site.site, "rulesets"], {
        body: { published: published || null, unpublished: unpublished || null },
        revision: now.revision,
        reason,
        what: site.site,
      }),
  });
  if (!done) return;
  say(`${site.site} has its rulesets.`);
  all.reload();
}
