// From addresses to pages, by the browser's own history.

/** The path of the pages themselves, with a slash at its end. */
const BASE = new URL(document.baseURI).pathname;

let told = () => {};

/** The place that the address bar names: the parts of its path, decoded, and its query. */
export function place() {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : "";
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { parts, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place: `href("clients", "users", name)`. The last argument may be a query. */
export function href(...parts) {
  const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  return BASE + parts.map(encodeURIComponent).join("/") + search;
}

/** Goes somewhere else. `replace` leaves no step behind to go back to. */
export function go(to, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  told();
}

/** Writes the query of the place, for filters: a reload shows the same. */
export function remember(query) {
  const { parts } = place();
  history.replaceState(null, "", href(...parts, query));
}

/** Follows links and the back button; `whenMoved` is told of each. */
export function follow(whenMoved) {
  told = whenMoved;
  addEventListener("popstate", told);
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[href]");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(BASE) || link.hash || link.pathname.startsWith(`${BASE}api/`)) return;
    event.preventDefault();
    go(link.href);
  });
}
