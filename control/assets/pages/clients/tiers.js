// Tiers: how much more, or less, a kind of client may spend.

import { html, nothing } from "../../core/view.js";
import { empty } from "../../core/loading.js";
import { session } from "../../core/session.js";
import { head } from "../../parts/shell.js";
import { say } from "../../parts/say.js";
import { formDialog } from "../../parts/dialog.js";
import { area, input, reason } from "../../parts/field.js";
import { replace } from "../../parts/conflict.js";
import { remove } from "../../parts/removal.js";
import { Listed } from "../../parts/listed.js";
import { table } from "../../parts/table.js";
import { Problem } from "../../core/api.js";
import { clientTabs } from "../clients.js";

export default function tiers({ draw }) {
  const all = new Listed(["tiers"], () => ({}), draw);
  const may = session.may("tiers");
  const edit = async (tier) => (await write(tier)) && all.reload();
  const drop = async (tier) =>
    (await remove({
      parts: ["tiers", tier.name],
      revision: tier.revision,
      what: tier.name,
      means: "A tier that somebody still has cannot be deleted.",
    })) && all.reload();
  return {
    title: "Tiers",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Clients", "A tier multiplies every limit, or has limits of its own for some rules.", may ? html`<button class="main" @click=${() => edit(null)}>New tier…</button>` : nothing)}
      ${clientTabs("tiers")}
      ${all.show(({ items, next }) =>
        items.length
          ? table({
              caption: "Tiers",
              rows: items,
              key: ({ name }) => name,
              next,
              more: all.more,
              columns: [
                { label: "Tier", cell: ({ name }) => name },
                {
                  label: "Multiplier",
                  number: true,
                  cell: ({ multiplier }) => (multiplier === null || multiplier === undefined ? "" : `× ${multiplier}`),
                },
                { label: "Priority", number: true, cell: ({ priority }) => priority ?? 0 },
                {
                  label: "Limits of its own",
                  wide: true,
                  cell: ({ limits }) =>
                    Object.entries(limits ?? {}).map(([rule, rate]) => html`<div><code>${rule}</code> ${written(rate)}</div>`),
                },
                may && {
                  label: "",
                  cell: (tier) =>
                    html`<div class="row"><button class="small" aria-label="Change ${tier.name}" @click=${() => edit(tier)}>Change…</button><button class="small bad" aria-label="Delete ${tier.name}" @click=${() => drop(tier)}>Delete…</button></div>`,
                },
              ],
            })
          : empty("There is no tier.", "Tiers of files stand in the site's file; what is made here holds for all sites."),
      )}`,
  };
}

const written = (rate) => (typeof rate === "string" ? rate : JSON.stringify(rate));

async function write(tier) {
  const limits = Object.entries(tier?.limits ?? {})
    .map(([rule, rate]) => `${rule}: ${written(rate)}`)
    .join("\n");
  const done = await formDialog({
    title: tier ? tier.name : "New tier",
    does: "Save and put in force",
    values: { name: tier?.name ?? "", multiplier: String(tier?.multiplier ?? 1), priority: String(tier?.priority ?? 0), limits },
    fields: (form) => html`
      ${tier ? nothing : input(form, "name", { label: "Tier", required: true, focus: true, hint: html`<code>default</code> is the tier of those who have none.` })}
      <div class="fields">${input(form, "multiplier", { label: "Multiplier", hint: "Of every limit; products are rounded half up, at least 1." })}
      ${input(form, "priority", { label: "Priority", hint: "Among the tiers of a user's groups the highest counts." })}</div>
      ${area(form, "limits", { label: "Limits of its own", mono: true, placeholder: "export: 300s per hour", hint: "A rule in each line, then a colon and a rate." })}
      ${reason(form)}`,
    send: (given) =>
      replace(["tiers", given.name], {
        body: {
          multiplier: number("multiplier", given.multiplier),
          priority: number("priority", given.priority),
          limits: rates(given.limits),
        },
        revision: tier?.revision,
        create: !tier,
        reason: given.reason,
        what: given.name,
      }),
  });
  if (done) say(`${done.name ?? "The tier"} is saved and in force.`);
  return done;
}

function number(path, text) {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new Problem(0, { title: "Not sent", errors: [{ path, message: `“${text}” is no number` }] });
}

function rates(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(":");
      if (at < 1)
        throw new Problem(0, {
          title: "Not sent",
          errors: [{ path: "limits", message: `“${line.trim()}”: expected a rule, a colon and a rate` }],
        });
      const rate = line.slice(at + 1).trim();
      return [line.slice(0, at).trim(), rate.startsWith("[") ? JSON.parse(rate) : rate];
    }),
  );
}
