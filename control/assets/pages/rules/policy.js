// The policy: which ruleset holds for all sites, present and future.

import { html } from "../../core/view.js";
import { get, list } from "../../core/api.js";
import { Loading } from "../../core/loading.js";
import { session } from "../../core/session.js";
import { head } from "../../parts/shell.js";
import { say } from "../../parts/say.js";
import { replace } from "../../parts/conflict.js";
import { Form } from "../../parts/dialog.js";
import { choose, reason } from "../../parts/field.js";
import { ruleTabs } from "../rules.js";

export default function policy({ draw }) {
  const form = new Form({ published: "", unpublished: "", reason: "" }, draw);
  const loaded = new Loading(async () => {
    const [now, sets] = await Promise.all([get(["policy"]), list(["rulesets"])]);
    Object.assign(form.values, { published: now.published ?? "", unpublished: now.unpublished ?? "" });
    return { now, sets: sets.items };
  }, draw);
  const save = (event) => {
    event.preventDefault();
    form.send(async ({ published, unpublished, reason }) => {
      loaded.value.now = await replace(["policy"], {
        body: { published: published || null, unpublished: unpublished || null },
        revision: loaded.value.now.revision,
        reason,
        what: "The policy",
      });
      Object.assign(form.values, {
        published: loaded.value.now.published ?? "",
        unpublished: loaded.value.now.unpublished ?? "",
        reason: "",
      });
      say("The policy is saved and in force.");
    });
  };
  return {
    title: "Policy",
    start: () => loaded.reload(),
    stop: () => loaded.stop(),
    view: () => html`
      ${head("Rules", "The policy gives a ruleset to every site that has none of its own, also to those to come.")}
      ${ruleTabs("policy")}
      ${loaded.show(
        ({ sets }) => html`<form class="card stack" novalidate @submit=${save}>
        ${form.rest()}
        <fieldset ?disabled=${!session.may("policy")}><div class="fields">
          ${choose(form, "published", { label: "Published hosts", options: options(sets), hint: "The hosts that a site's visitors come to." })}
          ${choose(form, "unpublished", { label: "Unpublished hosts", options: options(sets), hint: html`Previews: those that a site file names under <code>rate_limit_unpublished_hosts</code>.` })}
          ${session.may("policy") ? reason(form) : ""}
        </div></fieldset>
        ${session.may("policy") ? html`<div class="row"><button class="main" ?disabled=${form.busy}>Save and put in force</button></div>` : html`<p class="soft">Only owners change the policy.</p>`}
      </form>`,
      )}`,
  };
}

const options = (sets) => [["", "no ruleset"], ...sets.map(({ name }) => [name, name])];
