// The program: finds the page for an address, draws it in its frame, and asks who is there.

import { html, render } from "./core/view.js";
import { follow, go, href, place } from "./core/router.js";
import { session, whoAmI } from "./core/session.js";
import { onLoggedOut } from "./core/api.js";
import { failed, empty } from "./core/loading.js";
import { head, shell } from "./parts/shell.js";

/** Pages are read when they are first opened. */
const PAGES = {
  "": () => import("./pages/overview.js"),
  spenders: () => import("./pages/spenders.js"),
  rules: () => import("./pages/rules.js"),
  clients: () => import("./pages/clients.js"),
  audit: () => import("./pages/audit.js"),
  members: () => import("./pages/members.js"),
  login: () => import("./pages/login.js"),
};

/** @type {{ name: string, path: string | null, title: string, view: () => any, stop?: () => void }} */
let page = { name: "", path: null, title: "", view: () => "" };
let waiting = false;

function draw() {
  if (waiting) return;
  waiting = true;
  queueMicrotask(() => {
    waiting = false;
    const content = page.view();
    render(
      page.name === "login" ? html`<main id="main" class="login">${content}</main>` : shell({ page: page.name, content, draw }),
      document.body,
    );
  });
}

/** Opens what the address bar names. */
async function open() {
  const { parts, query } = place();
  const name = parts[0] ?? "";
  if (!session.role && name !== "login") return go(href("login", { to: location.pathname + location.search }), { replace: true });
  const path = parts.join("/");
  const asked = (open.asked = (open.asked ?? 0) + 1);
  const made = await madeOf(name, parts.slice(1), query);
  if (asked !== open.asked) return;
  const moved = page.path !== null && page.path !== path;
  page.stop?.();
  page = { name, path, ...made };
  document.title = `${page.title} · timebudget`;
  draw();
  page.start?.();
  if (moved) queueMicrotask(() => queueMicrotask(() => document.querySelector("h1")?.focus({ preventScroll: false })));
}

async function madeOf(name, parts, query) {
  const read = PAGES[name];
  if (!read)
    return {
      title: "No such page",
      view: () => html`${head("No such page")}${empty(`There is no page “${name}”.`, "Choose one beside.")}`,
    };
  try {
    const module = await read();
    return module.default({ parts, query, draw });
  } catch (problem) {
    return { title: "Not loaded", view: () => html`${head("Not loaded")}${failed(problem, () => location.reload())}` };
  }
}

onLoggedOut(() => {
  session.role = null;
  open();
});

// What stands for people without scripts has done its work.
document.body.replaceChildren();
follow(open);
// The page and who looks at it are asked for at once. Who comes to log in is nobody yet.
const first = place().parts[0] ?? "";
PAGES[first]?.();
Promise.resolve(first === "login" || whoAmI()).then(open, (problem) => {
  page = { name: "login", path: "", title: "No answer", view: () => failed(problem, () => location.reload()) };
  draw();
});
