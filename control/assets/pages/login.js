// Logging in with a token.

import { html } from "../core/view.js";
import { go, href } from "../core/router.js";
import { logIn } from "../core/session.js";
import { Form } from "../parts/dialog.js";
import { input } from "../parts/field.js";

const ICON = new URL("../icon.svg", import.meta.url).pathname;

export default function login({ query, draw }) {
  const form = new Form({ token: "" }, draw);
  const submit = (event) => {
    event.preventDefault();
    form.send(async ({ token }) => {
      await logIn(token.trim());
      go(within(query.to), { replace: true });
    });
  };
  return {
    title: "Log in",
    start: () => document.querySelector("input")?.focus(),
    view: () => html`<form class="card" novalidate @submit=${submit}>
      <h1 tabindex="-1"><img src=${ICON} alt="" width="30" height="30">timebudget</h1>
      ${form.rest()}
      ${input(form, "token", {
        label: "Token",
        type: "password",
        required: true,
        focus: true,
        placeholder: "tbm_…",
        hint: "The first owner's was printed when the server first started; owners make more under Members.",
      })}
      <button class="main" ?disabled=${form.busy}>${form.busy ? "Looking…" : "Log in"}</button>
    </form>`,
  };
}

/** Where one wanted to go, if that is one of these pages. */
function within(to) {
  return to?.startsWith(href()) && !to.startsWith(href("login")) ? to : href();
}
