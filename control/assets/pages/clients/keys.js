// API keys: made and shown once, rotated with a grace time, revoked.

import { html, nothing } from "../../core/view.js";
import { call, list, newKey } from "../../core/api.js";
import { empty } from "../../core/loading.js";
import { href } from "../../core/router.js";
import { session } from "../../core/session.js";
import { away, fromInput, moment, toInput } from "../../core/time.js";
import { head } from "../../parts/shell.js";
import { badge } from "../../parts/badge.js";
import { say } from "../../parts/say.js";
import { formDialog } from "../../parts/dialog.js";
import { choose, input, reason } from "../../parts/field.js";
import { replace } from "../../parts/conflict.js";
import { remove } from "../../parts/removal.js";
import { showOnce } from "../../parts/secret.js";
import { Listed } from "../../parts/listed.js";
import { table } from "../../parts/table.js";
import { clientTabs } from "../clients.js";

export default function keys({ draw }) {
  const all = new Listed(["keys"], () => ({}), draw);
  const then = async (done) => (await done) && all.reload();
  const may = session.may("keys");
  return {
    title: "API keys",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Clients", "A key names a client and gives it a tier. Only its digest is kept.", may ? html`<button class="main" @click=${() => then(make())}>New API key…</button>` : nothing)}
      ${clientTabs("keys")}
      ${all.show(({ items, next }) =>
        items.length
          ? table({
              caption: "API keys",
              rows: items,
              key: ({ id }) => id,
              next,
              more: all.more,
              columns: [
                { label: "Name", cell: ({ name }) => name },
                { label: "Key", cell: ({ prefix, last_four }) => html`<code>${prefix}…${last_four}</code>` },
                { label: "State", cell: state },
                { label: "Tier", cell: ({ tier }) => tier ?? "" },
                { label: "User", cell: ({ user }) => (user ? html`<a href=${href("clients", "users", user)}>${user}</a>` : "") },
                {
                  label: "Last used",
                  cell: ({ last_used }) =>
                    last_used ? html`<span title=${last_used}>${away(last_used)}</span>` : html`<span class="soft">never</span>`,
                },
                { label: "Made", cell: ({ made_at }) => moment(made_at) },
                may && {
                  label: "",
                  cell: (key) =>
                    key.revoked
                      ? nothing
                      : html`<div class="row">
            <button class="small" aria-label="Change ${key.name}" @click=${() => then(change(key))}>Change…</button>
            <button class="small" aria-label="Rotate ${key.name}" @click=${() => then(rotate(key))}>Rotate…</button>
            <button class="small bad" aria-label="Revoke ${key.name}" @click=${() => then(revoke(key))}>Revoke…</button></div>`,
                },
              ],
            })
          : empty("There is no API key.", "Make one for a program that calls your sites."),
      )}`,
  };
}

function state({ revoked, expires }) {
  if (revoked) return badge("bad", "revoked");
  if (expires && new Date(expires) <= Date.now()) return badge("none", "expired");
  return html`${badge("good", "works")}${expires ? html` <small>until ${moment(expires)}</small>` : nothing}`;
}

const fields = (form, tiers) => html`
  ${input(form, "name", { label: "Name", required: true, focus: true, hint: "Whose key it is; it stands in lists and in the audit." })}
  <div class="fields">${choose(form, "tier", { label: "Tier", options: [["", "none"], ...tiers.map(({ name }) => name)] })}
  ${input(form, "user", { label: "User", hint: "Whose accounts it spends, if it is a user's." })}</div>
  ${input(form, "expires", { label: "Expires (your zone)", type: "datetime-local", hint: "Empty: never." })}
  ${reason(form)}`;

/** What is left empty is not said. */
const bodyOf = ({ name, tier, user, expires }) =>
  Object.fromEntries(Object.entries({ name, tier, user, expires: fromInput(expires) }).filter(([, value]) => value));

async function make() {
  const { items: tiers } = await list(["tiers"]);
  const once = newKey();
  const made = await formDialog({
    title: "New API key",
    does: "Make",
    values: { name: "", tier: "", user: "", expires: "" },
    fields: (form) => fields(form, tiers),
    send: (given) => call("POST", ["keys"], { body: bodyOf(given), once, query: { reason: given.reason } }),
  });
  if (made) await showOnce(`API key ${made.name}`, made.key, "Give it to the client that is to use it.");
  return made;
}

async function change(key) {
  const { items: tiers } = await list(["tiers"]);
  const done = await formDialog({
    title: key.name,
    does: "Save",
    values: { name: key.name, tier: key.tier ?? "", user: key.user ?? "", expires: toInput(key.expires) },
    fields: (form) => fields(form, tiers),
    send: (given) => replace(["keys", key.id], { body: bodyOf(given), revision: key.revision, reason: given.reason, what: given.name }),
  });
  if (done) say(`${done.name} is saved.`);
  return done;
}

const GRACE = [
  ["0", "at once"],
  ["3600", "after an hour"],
  ["86400", "after a day"],
  ["604800", "after a week"],
];

async function rotate(key) {
  const once = newKey();
  const rotated = await formDialog({
    title: `Rotate ${key.name}`,
    does: "Make a new key",
    values: { grace: "86400" },
    fields: (form) =>
      html`<p>The new key spends the same accounts as the old one.</p>${choose(form, "grace", { label: "The old key ends", options: GRACE, path: "grace_seconds" })}${reason(form)}`,
    send: ({ grace, reason }) =>
      call("POST", ["keys", key.id, "rotate"], { body: { grace_seconds: Number(grace) }, once, query: { reason } }),
  });
  if (rotated) await showOnce(`New API key ${key.name}`, rotated.key, "The old one works until its time is over.");
  return rotated;
}

const revoke = (key) =>
  remove({
    parts: ["keys", key.id],
    revision: key.revision,
    what: `API key ${key.name}`,
    does: "Revoke",
    means: "Whoever uses it is nobody from this moment on. It cannot be undone.",
  });
