//! `rulesets`, `policy` and `sites`.

use serde_json::json;

use crate::commands::desk::Desk;

const RULES: &str = r#"[{ "name": "plan", "key": "user", "limits": "7 per hour" }]"#;
const WRONG: &str = r#"[{ "name": "plan", "limits": "7 per fortnight" }]"#;
const FORTNIGHT: &str = "rules[0].limits: \"7 per fortnight\": no such period; expected second, minute, hour, day, \
                         week, month or year";

#[test]
fn rulesets_are_checked_put_listed_read_and_deleted() {
    let desk = Desk::new();
    let (rules, wrong) = (desk.file("rules.json", RULES), desk.file("wrong.json", WRONG));
    assert_eq!(desk.does(&["rulesets", "list"]), "none\n");
    assert_eq!(desk.does(&["rulesets", "check", &rules]), "");
    assert_eq!(desk.fails(&["rulesets", "check", &wrong]), FORTNIGHT);
    let put = ["rulesets", "put", "plans", &rules, "--description", "for all", "--reason", "the plan"];
    assert_eq!(desk.does(&put), "done: revision 2\n");
    assert_eq!(desk.fails(&["rulesets", "put", "plans", &wrong]), FORTNIGHT);
    assert_eq!(
        desk.table(&["rulesets", "list"]),
        ["name | revision | used by | description", "plans | 2 | for all"]
    );
    let ruleset = json!({ "name": "plans", "description": "for all", "revision": 2, "used_by": [],
        "rules": [{ "name": "plan", "key": "user", "limits": "7 per hour" }] });
    assert_eq!(desk.json(&["rulesets", "get", "plans"]), ruleset);

    // What was printed can be put back under another name, from standard input.
    let printed = desk.does(&["rulesets", "get", "plans"]);
    let (status, done, told) = desk.run(&["rulesets", "put", "copy", "-", "--json"], &printed);
    assert_eq!((status, told.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&done).unwrap()["name"], "copy");
    assert_eq!(desk.does(&["rulesets", "delete", "copy", "--reason", "no need"]), "done\n");

    assert_eq!(
        desk.fails(&["rulesets", "put", "plans", &rules, "--if-match", "1"]),
        "it was changed; it is at revision 2"
    );
    assert_eq!(desk.fails(&["rulesets", "get", "nothing"]), "there is no such ruleset");
    assert_eq!(
        desk.fails(&["rulesets", "put", "..", &rules]),
        "name: \"..\": stands for a place in paths; expected a name that can stand in one"
    );
    assert!(
        desk.fails(&["rulesets", "put", "plans", "nowhere.json"]).starts_with("nowhere.json: No such file")
    );
    let broken = desk.file("broken.json", "[{");
    assert!(desk.fails(&["rulesets", "check", &broken]).contains("broken.json: EOF while parsing"));
}

#[test]
fn the_policy_is_set_by_halves_and_sites_show_what_holds() {
    let desk = Desk::new();
    let rules = desk.file("rules.json", RULES);
    desk.does(&["rulesets", "put", "plans", &rules]);
    assert_eq!(
        desk.json(&["policy", "get"]),
        json!({ "published": null, "unpublished": null, "revision": 0 })
    );
    assert_eq!(
        desk.fails(&["policy", "set"]),
        "nothing to set; expected --published, --unpublished, or both"
    );
    assert_eq!(desk.does(&["policy", "set", "--published", "plans"]), "done: revision 3\n");
    desk.does(&["policy", "set", "--unpublished", "plans"]);
    assert_eq!(
        desk.json(&["policy", "get"]),
        json!({ "published": "plans", "unpublished": "plans", "revision": 4 })
    );
    assert_eq!(
        desk.fails(&["policy", "set", "--published", "nothing"]),
        "published: \"nothing\": no such ruleset"
    );
    assert_eq!(desk.fails(&["rulesets", "delete", "plans"]), "used by policy published, policy unpublished");

    let files = [
        "site | rule | limits | key | from",
        "* | each | 100s per year | user | site.json",
        "* | calls | 1000 per year | site | site.json",
    ];
    let sites = || desk.table(&["sites", "list"]);
    assert_eq!(sites(), [&files[..], &["* | plan | 7 per hour | user | ruleset plans"]].concat());
    assert_eq!(
        desk.does(&["sites", "assign", "*", "--published", "none", "--unpublished", "none"]),
        "done: revision 5\n"
    );
    assert_eq!(sites(), files);
    desk.does(&["sites", "assign", "*", "--published", "inherit"]);
    assert_eq!(sites().len(), 4);
    assert!(desk.fails(&["sites", "assign", "nowhere", "--published", "none"]).contains("no such site"));
}
