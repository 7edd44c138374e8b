// Users: who has a tier of their own, and the way to everybody's page.

import { html, nothing } from "../../core/view.js";
import { empty, Loading } from "../../core/loading.js";
import { list } from "../../core/api.js";
import { go, href, remember } from "../../core/router.js";
import { session } from "../../core/session.js";
import { away, fromInput, moment, toInput } from "../../core/time.js";
import { head } from "../../parts/shell.js";
import { say } from "../../parts/say.js";
import { badge } from "../../parts/badge.js";
import { formDialog } from "../../parts/dialog.js";
import { choose, input, reason } from "../../parts/field.js";
import { replace } from "../../parts/conflict.js";
import { Listed, patient } from "../../parts/listed.js";
import { table } from "../../parts/table.js";
import { clientTabs } from "../clients.js";

export default function users({ query, draw }) {
  let wanted = query.q ?? "";
  const all = new Listed(["users"], () => ({ q: wanted }), draw);
  const search = patient(() => {
    remember({ q: wanted });
    all.reload();
  });
  const make = async () => {
    const made = await assignTier({ user: wanted, tier: "", until: null });
    if (made) all.reload();
  };
  return {
    title: "Clients",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Clients", "Who may spend more or less. Every client has a page, also one that is named nowhere.", session.may("users") ? html`<button class="main" @click=${make}>Give a user a tier…</button>` : nothing)}
      ${clientTabs("users")}
      <form class="filters" role="search" @submit=${(event) => (event.preventDefault(), wanted && go(href("clients", "users", wanted)))}>
        <div class="field"><label for="search">User, key or address</label><input id="search" type="search" .value=${wanted} @input=${(event) => ((wanted = event.target.value.trim()), search(), draw())}></div>
        <button ?disabled=${!wanted}>Open page</button>
      </form>
      ${all.show(({ items, next }) => (items.length ? userTable(items, next, all) : empty(wanted ? `No user with “${wanted}” has a tier of their own.` : "No user has a tier of their own.", wanted ? "“Open page” shows where this client stands all the same." : "Users of files and groups stand in the site's file.")))}`,
  };
}

const userTable = (rows, next, all) =>
  table({
    caption: "Users with a tier",
    rows,
    key: ({ user }) => user,
    next,
    more: all.more,
    columns: [
      { label: "User", cell: ({ user }) => html`<a href=${href("clients", "users", user)}>${user}</a>` },
      { label: "Tier", cell: ({ tier }) => tier ?? html`<span class="soft">none</span>` },
      { label: "Until", cell: ({ until }) => lasts(until) },
    ],
  });

/** How long something lasts, in words where it does not end. */
export function lasts(until) {
  if (!until) return html`<span class="soft">for good</span>`;
  return new Date(until) <= Date.now()
    ? html`${badge("none", "over")} ${moment(until)}`
    : html`${moment(until)} <small>${away(until)}</small>`;
}

/** Asks for a user's tier and gives it. @returns {Promise<any>} what is so now */
export async function assignTier(user, { fixed = false } = {}) {
  const known = new Loading(
    () => list(["tiers"]),
    () => {},
  );
  await known.reload();
  const tiers = (known.value?.items ?? []).map(({ name }) => name);
  const done = await formDialog({
    title: fixed ? `Tier of ${user.user}` : "Give a user a tier",
    does: "Save",
    values: { user: user.user, tier: user.tier || tiers[0] || "", until: toInput(user.until) },
    fields: (form) => html`
      ${fixed ? nothing : input(form, "user", { label: "User", required: true, focus: true })}
      ${choose(form, "tier", { label: "Tier", required: true, options: tiers, hint: "Tiers of a site's file can be given there." })}
      ${input(form, "until", { label: "Until (your zone)", type: "datetime-local", hint: "Empty: for good. From this second on it is over." })}
      ${reason(form)}`,
    send: (given) =>
      replace(["users", given.user], {
        body: { tier: given.tier, ...(given.until ? { until: fromInput(given.until) } : {}) },
        revision: fixed && user.revision ? user.revision : undefined,
        reason: given.reason,
        what: given.user,
      }),
  });
  if (done) say(`${done.user ?? user.user} has ${done.tier ? `the tier ${done.tier}` : "no tier"}.`);
  return done;
}
