// Groups: whose members have which tier.

import { html, nothing } from "../../core/view.js";
import { list } from "../../core/api.js";
import { empty } from "../../core/loading.js";
import { session } from "../../core/session.js";
import { head } from "../../parts/shell.js";
import { say } from "../../parts/say.js";
import { formDialog } from "../../parts/dialog.js";
import { choose, input, reason } from "../../parts/field.js";
import { replace } from "../../parts/conflict.js";
import { remove } from "../../parts/removal.js";
import { Listed } from "../../parts/listed.js";
import { table } from "../../parts/table.js";
import { clientTabs } from "../clients.js";

export default function groups({ draw }) {
  const all = new Listed(["groups"], () => ({}), draw);
  const may = session.may("groups");
  const edit = async (group) => (await write(group)) && all.reload();
  const drop = async (group) =>
    (await remove({
      parts: ["groups", group.name],
      revision: group.revision,
      what: group.name,
      means: "Its members have this tier no longer.",
    })) && all.reload();
  return {
    title: "Groups",
    start: () => all.reload(),
    stop: () => all.stop(),
    view: () => html`
      ${head("Clients", "A group gives its members a tier; of several, the one with the highest priority.", may ? html`<button class="main" @click=${() => edit(null)}>New group…</button>` : nothing)}
      ${clientTabs("groups")}
      ${all.show(({ items, next }) =>
        items.length
          ? table({
              caption: "Groups",
              rows: items,
              key: ({ name }) => name,
              next,
              more: all.more,
              columns: [
                { label: "Group", cell: ({ name }) => name },
                { label: "Tier", cell: ({ tier }) => tier },
                may && {
                  label: "",
                  cell: (group) =>
                    html`<div class="row"><button class="small" aria-label="Change ${group.name}" @click=${() => edit(group)}>Change…</button><button class="small bad" aria-label="Delete ${group.name}" @click=${() => drop(group)}>Delete…</button></div>`,
                },
              ],
            })
          : empty("There is no group.", "Groups of files stand in the site's file; what is made here holds for all sites."),
      )}`,
  };
}

async function write(group) {
  const { items: tiers } = await list(["tiers"]);
  const done = await formDialog({
    title: group ? `Tier of ${group.name}` : "New group",
    does: "Save",
    values: { name: group?.name ?? "", tier: group?.tier ?? tiers[0]?.name ?? "" },
    fields: (form) => html`
      ${group ? nothing : input(form, "name", { label: "Group", required: true, focus: true, hint: "As the proxy or the application names it." })}
      ${choose(form, "tier", { label: "Tier", required: true, options: tiers.map(({ name }) => name) })}
      ${reason(form)}`,
    send: ({ name, tier, reason }) =>
      replace(["groups", name], { body: { tier }, revision: group?.revision, create: !group, reason, what: name }),
  });
  if (done) say(`${done.name ?? "The group"} is saved.`);
  return done;
}
