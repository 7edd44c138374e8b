// Members: who may look and change here, by roles.

import { html, nothing } from "../core/view.js";
import { call, newKey } from "../core/api.js";
import { empty } from "../core/loading.js";
import { session } from "../core/session.js";
import { head } from "../parts/shell.js";
import { badge } from "../parts/badge.js";
import { say } from "../parts/say.js";
import { formDialog } from "../parts/dialog.js";
import { choose, input, reason } from "../parts/field.js";
import { replace } from "../parts/conflict.js";
import { remove } from "../parts/removal.js";
import { showOnce } from "../parts/secret.js";
import { Listed } from "../parts/listed.js";
import { table } from "../parts/table.js";

const ROLES = [
  ["viewer", "viewer: sees everything but members"],
  ["operator", "operator: also overrides, grants, resets, keys, users"],
  ["owner", "owner: everything"],
];

export default function members({ draw }) {
  const all = new Listed(["members"], () => ({}), draw);
  const then = async (done) => (await done) && all.reload();
  return {
    title: "Members",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Members", "Who may log in here, and what they may do. What they do stands in the audit.", html`<button class="main" @click=${() => then(make())}>New member…</button>`)}
      ${all.show(({ items, next }) =>
        items.length
          ? table({
              caption: "Members",
              rows: items,
              key: ({ name }) => name,
              next,
              more: all.more,
              columns: [
                { label: "Name", cell: ({ name }) => html`${name} ${name === session.member ? badge("accent", "you") : nothing}` },
                { label: "Role", cell: ({ role }) => role },
                {
                  label: "",
                  cell: (member) => html`<div class="row">
            <button class="small" aria-label="Change the role of ${member.name}" @click=${() => then(change(member))}>Role…</button>
            <button class="small" aria-label="New token for ${member.name}" @click=${() => then(renew(member))}>New token…</button>
            <button class="small bad" aria-label="Remove ${member.name}" @click=${() => then(drop(member))}>Remove…</button></div>`,
                },
              ],
            })
          : empty("There is no member."),
      )}`,
  };
}

async function make() {
  const once = newKey();
  const made = await formDialog({
    title: "New member",
    does: "Make",
    values: { name: "", role: "viewer" },
    fields: (form) =>
      html`${input(form, "name", { label: "Name", required: true, focus: true })}${choose(form, "role", { label: "Role", options: ROLES })}${reason(form)}`,
    send: ({ name, role, reason }) => call("POST", ["members"], { body: { name, role }, once, query: { reason } }),
  });
  if (made) await showOnce(`Token of ${made.name}`, made.token, "They log in with it.");
  return made;
}

async function change(member) {
  const done = await formDialog({
    title: `Role of ${member.name}`,
    does: "Save",
    values: { role: member.role },
    fields: (form) => html`${choose(form, "role", { label: "Role", options: ROLES })}${reason(form)}`,
    send: ({ role, reason }) => replace(["members", member.name], { body: { role }, revision: member.revision, reason, what: member.name }),
  });
  if (done) say(`${member.name} is ${done.role}.`);
  return done;
}

async function renew(member) {
  const made = await formDialog({
    title: `New token for ${member.name}?`,
    does: "Make a new token",
    tone: "bad",
    fields: (form) => html`<p>The old token ends at once, and so do its sessions.</p>${reason(form)}`,
    send: ({ reason }) => call("POST", ["members", member.name, "token"], { query: { reason } }),
  });
  if (made) await showOnce(`Token of ${member.name}`, made.token, "They log in with it.");
  return made;
}

const drop = (member) =>
  remove({
    parts: ["members", member.name],
    revision: member.revision,
    what: member.name,
    does: "Remove",
    means: "Their token and sessions end at once. What they did stays in the audit.",
  });
