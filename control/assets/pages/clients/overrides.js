// Overrides: other limits for one user, for a while and for a reason.

import { html, nothing } from "../../core/view.js";
import { call, newKey } from "../../core/api.js";
import { empty } from "../../core/loading.js";
import { href, remember } from "../../core/router.js";
import { session } from "../../core/session.js";
import { rulesOf, sites } from "../../core/sites.js";
import { fromInput, moment } from "../../core/time.js";
import { head } from "../../parts/shell.js";
import { badge } from "../../parts/badge.js";
import { say } from "../../parts/say.js";
import { formDialog } from "../../parts/dialog.js";
import { choose, input, reason } from "../../parts/field.js";
import { remove } from "../../parts/removal.js";
import { Listed, patient } from "../../parts/listed.js";
import { table } from "../../parts/table.js";
import { lasts } from "./users.js";
import { clientTabs } from "../clients.js";

export default function overrides({ query, draw }) {
  let user = query.user ?? "";
  const all = new Listed(["overrides"], () => ({ user }), draw);
  const search = patient(() => {
    remember({ user });
    all.reload();
  });
  const make = async () => (await makeOverride(user)) && all.reload();
  return {
    title: "Overrides",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Clients", "An override goes before everything else, for one rule or for all, and ends by itself.", session.may("overrides") ? html`<button class="main" @click=${make}>New override…</button>` : nothing)}
      ${clientTabs("overrides")}
      <div class="filters"><div class="field"><label for="user">User</label><input id="user" type="search" placeholder="all users" .value=${user} @input=${(event) => ((user = event.target.value.trim()), search())}></div></div>
      ${all.show(({ items, next }) => (items.length ? overrideTable(items, { next, more: all.more, changed: () => all.reload() }) : empty("There is no override.", "Make one where a client needs more for a while.")))}`,
  };
}

/** Overrides as a table. @param {{ changed: () => void, next?: any, more?: any, named?: boolean }} options */
export const overrideTable = (rows, { changed, next, more, named = true }) =>
  table({
    caption: "Overrides",
    rows,
    key: ({ id }) => id,
    next,
    more,
    columns: [
      named && { label: "User", cell: ({ user }) => html`<a href=${href("clients", "users", user)}>${user}</a>` },
      { label: "Rule", cell: ({ rule }) => rule ?? html`<span class="soft">all</span>` },
      {
        label: "Limits",
        cell: ({ limits }) =>
          [limits]
            .flat()
            .map((limit) => (typeof limit === "string" ? limit : JSON.stringify(limit)))
            .join("; "),
      },
      { label: "Until", cell: ({ active, until }) => html`${active ? badge("good", "in force") : nothing} ${lasts(until)}` },
      { label: "Reason", cell: ({ reason }) => reason },
      { label: "Made", cell: ({ made_by, made_at }) => html`${made_by} <small>${moment(made_at)}</small>` },
      session.may("overrides") && {
        label: "",
        cell: (one) =>
          html`<button class="small bad" aria-label="Delete the override of ${one.user}" @click=${() => drop(one, changed)}>Delete…</button>`,
      },
    ],
  });

async function drop(one, changed) {
  const means = one.active ? "Its user has the limits of their tier again, at once." : "It is over anyway.";
  if (await remove({ parts: ["overrides", one.id], revision: one.revision, what: `override of ${one.user}`, means })) changed();
}

const LASTING = [
  ["3600", "an hour"],
  ["14400", "4 hours"],
  ["86400", "a day"],
  ["604800", "a week"],
  ["own", "until …"],
];

/** Asks for an override and makes it. */
export async function makeOverride(user, { fixed = false } = {}) {
  const known = await sites().catch(() => []);
  const once = newKey();
  const made = await formDialog({
    title: fixed ? `Override for ${user}` : "New override",
    does: "Put in force",
    values: { user, rule: "", limits: "", seconds: "3600", until: "", reason: "" },
    fields: (form) => html`
      ${fixed ? nothing : input(form, "user", { label: "User", required: true, focus: true })}
      ${input(form, "rule", { label: "Rule", list: rulesOf(known), placeholder: "all rules", hint: "Empty: all rules." })}
      ${input(form, "limits", { label: "Limits", required: true, placeholder: "900s per hour", hint: "Instead of what the user has: a rate of time, of requests, or of both." })}
      <div class="fields">${choose(form, "seconds", { label: "For", options: LASTING })}
      ${form.values.seconds === "own" ? input(form, "until", { label: "Until (your zone)", type: "datetime-local", required: true }) : nothing}</div>
      ${reason(form, { required: true })}`,
    send: ({ user, rule, limits, seconds, until, reason }) =>
      call("POST", ["overrides"], {
        once,
        body: {
          user,
          ...(rule ? { rule } : {}),
          limits,
          ...(seconds === "own" ? { until: fromInput(until) } : { seconds: Number(seconds) }),
          reason,
        },
      }),
  });
  if (made) say(`The override for ${made.user} is in force.`);
  return made;
}
