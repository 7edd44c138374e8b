// One ruleset: an editor that checks as one types, explains requests against the draft, and replays the last hour under it.

import { html, nothing } from "../../core/view.js";
import { call, get } from "../../core/api.js";
import { Loading } from "../../core/loading.js";
import { go, href } from "../../core/router.js";
import { session } from "../../core/session.js";
import { sites } from "../../core/sites.js";
import { layOut } from "../../core/layout.js";
import { head } from "../../parts/shell.js";
import { say } from "../../parts/say.js";
import { replace } from "../../parts/conflict.js";
import { Form, formDialog } from "../../parts/dialog.js";
import { input, reason } from "../../parts/field.js";
import { Explain } from "../../parts/explain.js";
import { Replay } from "../../parts/replay.js";
import { ruleTabs } from "../rules.js";
import { Draft } from "../../editor/draft.js";

export default function ruleset({ name, draw }) {
  const loaded = new Loading(
    () => (name ? get(["rulesets", name]) : Promise.resolve(FRESH)),
    () => {
      take();
      draw();
    },
  );
  const known = new Loading(() => sites({ anew: true }), draw);
  const form = new Form({ name: name ?? "", description: "", reason: "" }, draw);
  const draft = new Draft(() => form.values, draw);
  const explain = new Explain(draw, () => draft.asRuleset());
  const replay = new Replay(draw, draft);
  let base = null;

  function take() {
    if (loaded.value && loaded.value !== base) show(loaded.value);
  }
  function show(set) {
    base = set;
    form.values.description = set.description ?? "";
    draft.begin(layOut(set.rules));
  }

  const save = (event) => {
    event.preventDefault();
    form.send(async (values) => {
      const saved = await store(name, base, values, draft);
      say(`${saved.name ?? values.name} is saved, revision ${saved.revision}, and in force.`);
      if (!name) return go(href("rules", "rulesets", values.name), { replace: true });
      form.values.reason = "";
      loaded.value = saved;
      show(saved);
    });
  };
  const warn = (event) => draft.changed && event.preventDefault();

  return {
    title: name ?? "New ruleset",
    start() {
      loaded.reload();
      known.reload();
      addEventListener("beforeunload", warn);
    },
    stop() {
      loaded.stop();
      draft.stop();
      removeEventListener("beforeunload", warn);
    },
    view: () => html`
      ${head(name ?? "New ruleset", base?.used_by?.length ? `In force by: ${base.used_by.join(", ")}` : name ? "Not used by any policy or site." : "", actions(name, base))}
      ${ruleTabs("rulesets")}
      ${loaded.show(
        () => html`<div class="split">
        <form class="stack" novalidate @submit=${save}>
          ${form.rest()}
          ${about(form, name)}
          ${draft.view({ readonly: !session.may("rulesets"), problem: form.problem })}
          ${
            session.may("rulesets")
              ? html`<div class="fields">${reason(form)}</div>
          <div class="row"><button class="main" ?disabled=${form.busy || draft.wrong()}>${form.busy ? "Saving…" : name ? "Save and put in force" : "Make"}</button>
            ${draft.changed ? html`<button type="button" @click=${() => show(base)}>Undo all</button><span class="soft">Not saved yet.</span>` : nothing}</div>`
              : nothing
          }
        </form>
        <div class="stack">${explain.view(known.value)}</div>
      </div>
      ${replay.view(known.value)}`,
      )}`,
  };
}

const FRESH = {
  description: "",
  revision: null,
  rules: [{ name: "reports", when: { path: { prefix: "/reports" } }, key: "site", limits: "600s per hour" }],
};

const about = (form, name) => html`<div class="fields">
  ${name ? nothing : input(form, "name", { label: "Name", required: true, focus: true, hint: "Letters, digits, dots, dashes; it cannot be changed later." })}
  ${session.may("rulesets") ? input(form, "description", { label: "About", placeholder: "what it is for" }) : html`<p>${form.values.description}</p>`}
</div>`;

function store(name, base, { name: chosen, description, reason }, draft) {
  const text = `{"description":${JSON.stringify(description)},"rules":${draft.text}}`;
  if (name) return replace(["rulesets", name], { text, revision: base.revision, reason, what: name });
  return call("POST", ["rulesets"], { text: `{"name":${JSON.stringify(chosen)},${text.slice(1)}`, query: { reason } });
}

const actions = (name, base) =>
  name && base && session.may("rulesets") ? html`<button class="bad" @click=${() => remove(name, base)}>Delete…</button>` : nothing;

async function remove(name, base) {
  const done = await formDialog({
    title: `Delete ${name}?`,
    does: "Delete",
    tone: "bad",
    fields: (form) =>
      html`<p>${base.used_by?.length ? `It is used by ${base.used_by.join(", ")}; take it from there first.` : "Its rules are gone for good; the audit keeps what they were."}</p>${reason(form)}`,
    send: ({ reason }) => call("DELETE", ["rulesets", name], { match: base.revision, query: { reason } }),
  });
  if (!done) return;
  say(`${name} is deleted.`);
  go(href("rules"));
}
