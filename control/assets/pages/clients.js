// Clients: users, groups, tiers, overrides and API keys, and where accounts stand.

import { href } from "../core/router.js";
import { tabs } from "../parts/shell.js";

const PARTS = {
  "": () => import("./clients/users.js"),
  users: () => import("./clients/users.js"),
  groups: () => import("./clients/groups.js"),
  tiers: () => import("./clients/tiers.js"),
  overrides: () => import("./clients/overrides.js"),
  keys: () => import("./clients/keys.js"),
  accounts: () => import("./clients/accounts.js"),
};

export default async function clients(place) {
  const [part = "", name] = place.parts;
  if (part === "users" && name !== undefined) return (await import("./clients/client.js")).default({ ...place, name });
  const module = await (PARTS[part] ?? PARTS[""])();
  return module.default(place);
}

const TABS = [
  ["users", "Users"],
  ["groups", "Groups"],
  ["tiers", "Tiers"],
  ["overrides", "Overrides"],
  ["keys", "API keys"],
  ["accounts", "Accounts"],
];

/** The tabs of this page. */
export const clientTabs = (here) =>
  tabs(
    "Parts of Clients",
    TABS.map(([name, label]) => [name === "users" ? href("clients") : href("clients", name), label, here === name]),
  );
