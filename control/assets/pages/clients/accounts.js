// Accounts: where they stand, the largest spenders first; grants and resets.

import { html, nothing } from "../../core/view.js";
import { call, newKey, Problem } from "../../core/api.js";
import { empty, Loading } from "../../core/loading.js";
import { href, remember } from "../../core/router.js";
import { session } from "../../core/session.js";
import { amount, ratio, readMicros, share } from "../../core/numbers.js";
import { rulesOf, sites, zoneOf } from "../../core/sites.js";
import { away, moment } from "../../core/time.js";
import { head } from "../../parts/shell.js";
import { bar, badge } from "../../parts/badge.js";
import { say } from "../../parts/say.js";
import { formDialog } from "../../parts/dialog.js";
import { input, reason } from "../../parts/field.js";
import { Listed } from "../../parts/listed.js";
import { table } from "../../parts/table.js";
import { clientTabs } from "../clients.js";

export default function accounts({ query, draw }) {
  const chosen = { site: query.site ?? "", rule: query.rule ?? "", client: query.client ?? "" };
  const all = new Listed(["accounts"], () => chosen, draw);
  const known = new Loading(() => sites(), draw);
  const choose = (name, value) => {
    chosen[name] = value.trim();
    remember(chosen);
    all.reload();
  };
  const field = (
    name,
    label,
    suggestions,
  ) => html`<div class="field"><label for=${name}>${label}</label><input id=${name} list="${name}-known" placeholder="all" .value=${chosen[name]} @change=${(event) => choose(name, event.target.value)}>
    <datalist id="${name}-known">${suggestions.map((value) => html`<option value=${value}></option>`)}</datalist></div>`;
  return {
    title: "Accounts",
    start() {
      all.reload();
      known.reload();
    },
    stop: () => all.stop(),
    view: () => html`
      ${head("Clients", "Accounts that have spent in their window, the largest first.", html`<button @click=${() => all.reload()}>Ask again</button>`)}
      ${clientTabs("accounts")}
      <div class="filters">${field(
        "site",
        "Site",
        (known.value ?? []).map(({ site }) => site),
      )}${field("rule", "Rule", rulesOf(known.value, chosen.site))}${field("client", "Client", [])}</div>
      ${all.show(({ items, next }) => (items.length ? accountTable(items, { sites: known.value, next, more: all.more, changed: () => all.reload() }) : empty("No account has spent anything in its window.", "Look again when there has been a request.")))}`,
  };
}

/** Accounts as a table, with what may be done to them. @param {{ changed: () => void, sites?: any[], next?: any, more?: any, named?: boolean }} options */
export const accountTable = (rows, { changed, sites, next, more, named = true }) =>
  table({
    caption: "Accounts",
    rows: rows.map((account) => ({ ...account, shared: isShared(account, sites) })),
    key: (account) => `${account.site} ${account.rule} ${account.limit} ${account.id}`,
    next,
    more,
    columns: [
      named && {
        label: "Client",
        cell: (account) =>
          account.client
            ? html`<a href=${href("clients", "users", account.client)}>${account.client}</a>`
            : html`<span class="soft">${account.shared ? "all clients together" : called(account)}</span>`,
      },
      { label: "Rule", cell: ({ site, rule, limit }) => html`${rule} <small>${limit}</small><div><small>${site}</small></div>` },
      {
        label: "Spent",
        cell: (
          account,
        ) => html`<div>${amount(account.spent, account.unit)} <small>of ${amount(account.quota, account.unit)}, ${share(ratio(account.spent, account.quota))}</small>
      ${bar(account.spent, account.quota, { tone: account.remaining === 0 ? "bad" : "" })}</div>`,
      },
      {
        label: "Left",
        number: true,
        cell: (account) =>
          html`${amount(account.remaining, account.unit)}${account.credit ? html` ${badge("accent", `+ ${amount(account.credit, account.unit)} granted`)}` : nothing}`,
      },
      { label: "Running", number: true, cell: ({ running }) => running || "" },
      {
        label: "Reset",
        cell: ({ reset, site }) => (reset ? html`${moment(reset, zoneOf(sites, site))} <small>${away(reset)}</small>` : "–"),
      },
      session.may("grants") && {
        label: "",
        cell: (
          account,
        ) => html`<div class="row"><button class="small" aria-label="Grant ${called(account)} more of ${account.rule}" @click=${() => grant(account, changed)}>Grant…</button>
      <button class="small" aria-label="Reset ${called(account)} in ${account.rule}" @click=${() => reset(account, changed)}>Reset…</button></div>`,
      },
    ],
  });

/** Whose account it is: by name, by id, or that of all clients, which has neither. */
function whose({ site, rule, client, id, shared }) {
  if (shared) return { site, rule };
  return { site, rule, ...(client === null ? { id } : { client }) };
}

/** Whether all clients share it, as the rules of its site say. */
function isShared({ site, rule, client }, sites) {
  const key = sites?.find((one) => one.site === site)?.rules.find((one) => one.name === rule)?.key;
  return client === null && [key].flat().join() === "site";
}

/** What a client is called; one that has no name, by the beginning of its id. */
const called = ({ client, id, shared, site }) => client ?? (shared ? site : `client …${id.slice(-8)}`);

async function grant(account, changed) {
  const isTime = account.unit === "microseconds";
  const once = newKey();
  const done = await formDialog({
    title: `Grant ${called(account)} more`,
    does: "Grant",
    values: { amount: "", reason: "" },
    fields: (
      form,
    ) => html`<p>More of <strong>${account.rule}</strong> (${account.limit}) until its window ends, ${moment(account.reset)}.</p>
      ${input(form, "amount", { label: isTime ? "Time" : "Requests", required: true, focus: true, placeholder: isTime ? "60 s" : "100", hint: isTime ? "With a unit: 500 ms, 60 s, 5 min, 1.5 h." : "" })}
      ${reason(form, { required: true })}`,
    send: (given) =>
      call("POST", ["accounts", "grant"], {
        once,
        body: { ...whose(account), unit: account.unit, amount: read(given.amount, isTime), reason: given.reason },
      }),
  });
  if (!done) return;
  say("Granted, and in force.");
  changed();
}

function read(text, isTime) {
  const value = isTime ? readMicros(text) : /^\s*[0-9]+\s*$/.test(text) ? Number(text) : null;
  if (value) return value;
  throw new Problem(0, {
    title: "Not sent",
    errors: [
      { path: "amount", message: isTime ? `“${text}” is no time; write it with a unit, like 60 s` : `“${text}” is no number of requests` },
    ],
  });
}

async function reset(account, changed) {
  const done = await formDialog({
    title: `Reset ${called(account)}`,
    does: "Reset",
    tone: "bad",
    fields: (form) =>
      html`<p>What <strong>${account.rule}</strong> has spent in this window becomes 0.</p>${reason(form, { required: true })}`,
    send: (given) => call("POST", ["accounts", "reset"], { body: { ...whose(account), reason: given.reason } }),
  });
  if (!done) return;
  say("Reset, and in force.");
  changed();
}
