// One client: tier, overrides, where its accounts stand, what it has spent, and what was changed for it.

import { html, nothing } from "../../core/view.js";
import { get, list } from "../../core/api.js";
import { empty, Loading } from "../../core/loading.js";
import { href } from "../../core/router.js";
import { session } from "../../core/session.js";
import { count, micros, perhaps, share } from "../../core/numbers.js";
import { sites } from "../../core/sites.js";
import { HERE, moment } from "../../core/time.js";
import { head } from "../../parts/shell.js";
import { remove } from "../../parts/removal.js";
import { course, coursePoints } from "../../parts/course.js";
import { table } from "../../parts/table.js";
import { clientTabs } from "../clients.js";
import { accountTable } from "./accounts.js";
import { makeOverride, overrideTable } from "./overrides.js";
import { assignTier, lasts } from "./users.js";

const WEEK_MS = 604_800_000;

export default function client({ name, draw }) {
  const loaded = new Loading(() => get(["users", name]), draw);
  const standing = new Loading(() => list(["accounts"], { client: name }), draw);
  const spent = new Loading(() => spending(name), draw);
  const changes = new Loading(() => list(["audit"], { what: `users/${name}` }, 20), draw);
  const known = new Loading(() => sites(), draw);
  let pointed = null;
  const point = (index) => {
    if (pointed === index) return;
    pointed = index;
    draw();
  };
  const again = () => [loaded, standing, changes].forEach((loading) => loading.reload());
  const then = async (done) => (await done) && again();
  return {
    title: name,
    start: () => [loaded, standing, spent, changes, known].forEach((loading) => loading.reload()),
    stop: () => [loaded, standing, spent, changes, known].forEach((loading) => loading.stop()),
    view: () => html`
      ${head(name, "", html`<a class="button" href=${href("clients")}>All clients</a>`)}
      ${clientTabs("users")}
      ${loaded.show(
        (user) => html`<div class="stack">
        ${tier(user, then)}
        <section class="stack" aria-label="Standing"><h2>Where it stands</h2>
          ${standing.show(({ items }) => (items.length ? accountTable(items, { sites: known.value, changed: again, named: false }) : empty("Nothing spent in any window.")))}</section>
        <section class="stack" aria-label="Overrides"><div class="row"><h2>Overrides</h2>
          ${session.may("overrides") ? html`<button class="small" @click=${() => then(makeOverride(name, { fixed: true }))}>New override…</button>` : nothing}</div>
          ${user.overrides?.length ? overrideTable(user.overrides, { changed: again, named: false }) : html`<p class="soft">None.</p>`}</section>
        <section class="card" aria-label="The last 7 days">${spent.show(
          ({ points, rules }) => html`
          ${course(points, HERE, pointed, point)}${rules.length ? spentBy(rules) : nothing}`,
        )}</section>
        <section class="card" aria-label="Changes"><header><h2>Changes of its tier</h2>
          <a href=${href("audit", { what: `users/${name}` })}>Audit</a></header>${changes.show(({ items }) => changed(items))}</section>
      </div>`,
      )}`,
  };
}

function tier(user, then) {
  const given = { ...user };
  return html`<section class="card" aria-label="Tier"><header><h2>Tier</h2>${
    session.may("users")
      ? html`<div class="row">
      <button class="small" @click=${() => then(assignTier(given, { fixed: true }))}>Change tier…</button>
      ${user.revision && user.tier ? html`<button class="small bad" @click=${() => then(remove({ parts: ["users", user.user], revision: user.revision, what: `tier of ${user.user}`, means: "Groups decide again." }))}>Take away…</button>` : nothing}</div>`
      : nothing
  }</header>
    <dl class="facts">
      <div><dt>In force</dt><dd>${user.effective_tier ?? "none"} ${user.why ? html`<small>${user.why}</small>` : nothing}</dd></div>
      <div><dt>Its own</dt><dd>${user.tier ?? "none"}</dd></div>
      <div><dt>Until</dt><dd>${user.tier ? lasts(user.until) : "–"}</dd></div>
    </dl></section>`;
}

/** What a client has spent: over time, and by rule. */
async function spending(client) {
  const from = `${new Date(Date.now() - WEEK_MS).toISOString().slice(0, 19)}Z`;
  const [points, rules] = await Promise.all([coursePoints({ client, from }), list(["usage"], { client, from, by: "rule" })]);
  return { points, rules: rules.items };
}

const spentBy = (rows) =>
  table({
    caption: "By rule",
    rows,
    key: ({ key }) => key,
    columns: [
      { label: "Rule", cell: ({ key }) => key },
      { label: "Share", number: true, cell: (item) => share(item.share) },
      { label: "Time", number: true, cell: (item) => micros(item.micros) },
      { label: "Requests", number: true, cell: (item) => count(item.requests) },
      { label: "Mean", number: true, cell: (item) => perhaps(item.mean_micros) },
      { label: "Refused", number: true, cell: (item) => count(item.refused) },
    ],
  });

const changed = (items) =>
  !items.length
    ? html`<p class="soft">None.</p>`
    : html`<ol class="happenings" tabindex="0" aria-label="Changes">${items.map(
        (row) => html`
  <li><span>${moment(row.at)}</span><span><b>${row.actor}</b> ${row.action} ${row.after?.tier ?? ""} ${row.reason ? html`<small>“${row.reason}”</small>` : nothing}</span></li>`,
      )}</ol>`;
