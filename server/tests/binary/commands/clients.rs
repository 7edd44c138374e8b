//! `tiers`, `groups`, `users`, `overrides` and `keys`.

use crate::commands::desk::Desk;

#[test]
fn tiers_groups_and_users_are_put_listed_and_deleted() {
    let desk = Desk::new();
    let tier =
        ["tiers", "put", "gold", "--multiplier", "3", "--limit", "each=900s per year", "--priority", "2"];
    assert_eq!(desk.does(&tier), "done: revision 2\n");
    assert_eq!(
        desk.table(&["tiers", "list"]),
        ["name | multiplier | priority | limits", "gold | 3.0 | 2 | each: 900s per year"]
    );
    assert_eq!(
        desk.fails(&["tiers", "put", "gold", "--multiplier", "lots"]),
        "multiplier: \"lots\": not a number; expected a number above 0 and at most 1000000, with at most six decimals"
    );
    assert_eq!(
        desk.fails(&["tiers", "put", "gold", "--limit", "each"]),
        "--limit \"each\": expected RULE=RATE, as export=\"300s per hour\""
    );

    assert_eq!(desk.does(&["groups", "put", "vips", "--tier", "gold"]), "done: revision 3\n");
    assert_eq!(desk.table(&["groups", "list"]), ["name | tier", "vips | gold"]);
    assert_eq!(
        desk.fails(&["groups", "put", "vips", "--tier", "golf"]),
        "tier: \"golf\": no such tier; did you mean \"gold\"?"
    );

    let until = "2036-01-01T00:00:00Z";
    assert_eq!(desk.does(&["users", "put", "ann", "--tier", "gold", "--until", until]), "done: revision 4\n");
    desk.does(&["users", "put", "bob", "--tier", "gold"]);
    assert_eq!(
        desk.table(&["users", "list", "--query", "AN"]),
        ["user | tier | until", "ann | gold | 2036-01-01T00:00:00Z"]
    );
    assert_eq!(desk.visit("ann"), 200);
    let ann = desk.json(&["users", "get", "ann"]);
    assert_eq!((&ann["tier"], &ann["effective_tier"]), (&"gold".into(), &"gold".into()));
    let standing = &ann["standing"][0];
    assert_eq!((&standing["rule"], &standing["limit"]), (&"each".into(), &"900s per year".into()));
    assert!(standing["spent"].as_u64().unwrap() >= 5_000, "{ann}");
    assert_eq!(
        desk.fails(&["users", "put", "bob", "--tier", "gold", "--until", "yesterday"]),
        "until: \"yesterday\": no time; expected a time such as \"2027-01-01T00:00:00Z\""
    );
    assert_eq!(desk.fails(&["tiers", "delete", "gold"]), "used by group vips, user ann, user bob");
    for args in [
        ["users", "delete", "ann"],
        ["users", "delete", "bob"],
        ["groups", "delete", "vips"],
        ["tiers", "delete", "gold"],
    ] {
        assert_eq!(desk.does(&args), "done\n", "{args:?}");
        assert_eq!(desk.fails(&args), "there is none of this name", "{args:?}");
    }
}

#[test]
fn overrides_are_added_for_a_while_and_taken_back() {
    let desk = Desk::new();
    let add = |more: &[&'static str]| [&["overrides", "add", "--user", "ann"], more].concat();
    let printed = desk.does(&add(&[
        "--rule",
        "each",
        "--limits",
        "900s per year",
        "--seconds",
        "600",
        "--reason",
        "month end",
    ]));
    let id = printed.trim_end();
    assert!(id.starts_with("ov_") && printed.ends_with('\n'), "{printed}");
    assert_eq!(
        desk.table(&["overrides", "list", "--user", "ann"]),
        [
            "id | user | rule | limits | until | by | reason",
            "… | ann | each | 900s per year | … | owner | month end",
        ]
    );
    assert_eq!(desk.does(&["overrides", "list", "--user", "bob"]), "none\n");
    assert_eq!(
        desk.fails(&add(&["--limits", "lots", "--reason", "r"])),
        "limits: \"lots\": no period; expected a rate such as 10 per hour, 600s per day or 5 concurrent"
    );
    assert!(desk.fails(&add(&["--limits", "5/min"])).contains("--reason <TEXT>"));
    let both = ["--limits", "5/min", "--until", "2036-01-01T00:00:00Z", "--seconds", "5", "--reason", "r"];
    assert!(desk.fails(&add(&both)).contains("cannot be used with"));
    assert_eq!(desk.does(&["overrides", "delete", id, "--reason", "it is over"]), "done\n");
    assert_eq!(desk.fails(&["overrides", "delete", id]), "there is none of this name");
}

#[test]
fn a_key_is_printed_when_it_is_made_and_when_it_is_rotated() {
    let desk = Desk::new();
    assert!(desk.fails(&["keys", "make", "Acme", "--tier", "gold"]).contains("\"gold\": no such tier"));
    let key = desk.does(&["keys", "make", "Acme", "--user", "acme", "--reason", "a customer"]);
    assert!(key.starts_with("tbk_") && key.lines().count() == 1 && key.trim_end().len() == 47, "{key}");
    let list = || desk.json(&["keys", "list", "--json"])[0].clone();
    let shown = list();
    assert_eq!((&shown["name"], &shown["user"]), (&"Acme".into(), &"acme".into()));
    let (prefix, last) = (shown["prefix"].as_str().unwrap(), shown["last_four"].as_str().unwrap());
    assert!(key.starts_with(prefix) && key.trim_end().ends_with(last));
    let table = desk.table(&["keys", "list"]);
    assert_eq!(table[0], "id | name | begins | ends | tier | user | expires | last used | revoked");
    assert!(table[1].ends_with("- | acme | - | - | -"), "{table:?}");

    let id = shown["id"].as_str().unwrap();
    let other = desk.does(&["keys", "rotate", id, "--grace", "60"]);
    assert!(other.starts_with("tbk_") && other != key);
    assert_eq!(desk.does(&["keys", "revoke", id, "--reason", "it leaked"]), "done\n");
    assert!(list()["revoked"].is_string());
    assert_eq!(desk.fails(&["keys", "rotate", id]), "the key is revoked; make another one");
    assert_eq!(desk.fails(&["keys", "revoke", "nothing"]), "there is no such key");
}
