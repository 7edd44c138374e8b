// Rules: the rulesets, the policy that says which of them holds, and the sites with what is in force there.

import { tabs } from "../parts/shell.js";
import { href } from "../core/router.js";

const PARTS = {
  "": () => import("./rules/list.js"),
  rulesets: () => import("./rules/ruleset.js"),
  new: () => import("./rules/ruleset.js"),
  policy: () => import("./rules/policy.js"),
  sites: () => import("./rules/sites.js"),
};

export default async function rules(place) {
  const [part = ""] = place.parts;
  const module = await (PARTS[part] ?? PARTS[""])();
  return module.default({ ...place, name: part === "rulesets" ? place.parts[1] : part === "sites" ? place.parts[1] : undefined });
}

/** The tabs of this page. @param {"rulesets" | "policy" | "sites"} here */
export const ruleTabs = (here) =>
  tabs("Parts of Rules", [
    [href("rules"), "Rulesets", here === "rulesets"],
    [href("rules", "policy"), "Policy", here === "policy"],
    [href("rules", "sites"), "Sites", here === "sites"],
  ]);
