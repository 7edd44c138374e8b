// The frame around every page: where one can go, who one is, and in which colours.

import { html, nothing } from "../core/view.js";
import { href, go } from "../core/router.js";
import { session, logOut } from "../core/session.js";
import { address } from "../core/api.js";
import { HERE } from "../core/time.js";
import { say } from "./say.js";

const PAGES = [
  ["", "Overview"],
  ["spenders", "Spenders"],
  ["rules", "Rules"],
  ["clients", "Clients"],
  ["audit", "Audit"],
  ["members", "Members"],
];

const ICON = new URL("../icon.svg", import.meta.url).pathname;

let open = false;

/** @param {{ page: string, content: any, draw: () => void }} options */
export function shell({ page, content, draw }) {
  const toggle = () => {
    open = !open;
    draw();
  };
  return html`
    <a class="skip" href="#main" @click=${skip}>Skip to content</a>
    <div class="frame">
      <header class="side ${open ? "open" : ""}">
        <a class="brand" href=${href()}><img src=${ICON} alt="" width="24" height="24">timebudget</a>
        <button class="menu small" aria-expanded=${open} aria-controls="pages" @click=${toggle}>Menu</button>
        <nav id="pages" aria-label="Pages" @click=${() => (open = false)}>
          <ul>${PAGES.filter(([name]) => session.sees(name)).map(
            ([name, label]) => html`
            <li><a href=${name ? href(name) : href()} aria-current=${page === name ? "page" : nothing}>${label}</a></li>`,
          )}</ul>
        </nav>
        <div class="who">
          <div><div class="name">${session.member}</div><small>${session.role}</small></div>
          ${themes(draw)}
          <small>Your zone: ${HERE}</small>
          <div class="row">
            <button class="small" @click=${leave}>Log out</button>
            <a class="small" href=${address(["openapi.json"]).pathname} target="_blank" rel="noopener">API</a>
          </div>
        </div>
      </header>
      <main id="main" tabindex="-1">${content}</main>
    </div>`;
}

/** The title of a page, and what can be done there. It takes the focus when one comes here. */
export const head = (title, about = "", actions = nothing) => html`<div class="top">
  <div><h1 tabindex="-1">${title}</h1>${about ? html`<p>${about}</p>` : nothing}</div>
  ${actions === nothing ? nothing : html`<div class="row">${actions}</div>`}
</div>`;

/** Links to the parts of a page. @param {[string, string, boolean][]} tabs address, label, whether one is there */
export const tabs = (label, tabs) =>
  html`<nav aria-label=${label}><ul class="tabs">${tabs.map(
    ([to, text, here]) => html`
  <li><a href=${to} aria-current=${here ? "page" : nothing}>${text}</a></li>`,
  )}</ul></nav>`;

function themes(draw) {
  const chosen = document.documentElement.dataset.theme ?? "system";
  return html`<div class="field"><label for="theme">Colours</label>
    <select id="theme" @change=${(event) => dress(event.target.value, draw)}>
      ${["system", "light", "dark"].map((name) => html`<option value=${name} ?selected=${name === chosen}>${name === "system" ? "as the system" : name}</option>`)}
    </select></div>`;
}

function dress(name, draw) {
  if (name === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("timebudget-theme");
  } else {
    document.documentElement.dataset.theme = name;
    localStorage.setItem("timebudget-theme", name);
  }
  dispatchEvent(new Event("timebudget-theme"));
  draw();
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

async function leave() {
  try {
    await logOut();
    go(href("login"));
  } catch (problem) {
    say(problem.message);
  }
}
