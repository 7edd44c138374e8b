//! `members` and `audit`; and what is wrong with a token or an address.

use crate::admin::TOKEN;
use crate::commands::desk::Desk;
use crate::running::timebudget;

#[test]
fn members_are_let_in_given_roles_and_taken_out() {
    let desk = Desk::new();
    let token = desk.does(&["members", "add", "ann", "--role", "viewer", "--reason", "she looks after it"]);
    assert!(token.starts_with("tbm_") && token.lines().count() == 1, "{token}");
    assert_eq!(desk.fails(&["members", "add", "ann", "--role", "viewer"]), "there is one of this name");
    assert!(
        desk.fails(&["members", "add", "bob", "--role", "king"])
            .contains("[possible values: owner, operator, viewer]")
    );
    assert_eq!(desk.table(&["members", "list"]), ["name | role", "ann | viewer", "owner | owner"]);
    assert_eq!(desk.does(&["members", "set", "ann", "--role", "operator"]), "done: revision 3\n");
    let other = desk.does(&["members", "token", "ann"]);
    assert!(other.starts_with("tbm_") && other != token);

    // Who has the role may what it says, and no more.
    let as_ann = |token: &str, args: &[&str]| {
        let file = desk.file("ann.token", token);
        let args = [args, &["--token-file", &file]].concat();
        let (status, _, told) = desk.run(&args, "");
        (status, told.trim_end().to_owned())
    };
    assert_eq!(as_ann(&other, &["tiers", "list"]), (0, String::new()));
    assert_eq!(as_ann(&token, &["tiers", "list"]), (2, "the token is nobody's".to_owned()));
    let (status, told) = as_ann(&other, &["members", "list"]);
    assert!(status == 2 && told.contains("owner"), "{told}");
    assert_eq!(
        desk.fails(&["members", "remove", "owner"]),
        "owner is the last owner; expected another one beside"
    );
    assert_eq!(desk.does(&["members", "remove", "ann", "--reason", "she left"]), "done\n");
    assert_eq!(as_ann(&other, &["tiers", "list"]).0, 2);
}

#[test]
fn the_audit_is_listed_verified_and_exported() {
    let desk = Desk::new();
    desk.does(&["members", "add", "ann", "--role", "viewer", "--reason", "=1+1"]);
    desk.does(&["members", "remove", "ann"]);
    assert_eq!(
        desk.table(&["audit", "list", "--actor", "owner", "--what", "members"]),
        [
            "number | at | actor | from | action | what | reason",
            "3 | … | owner | 127.0.0.1 | delete | members/ann | -",
            "2 | … | owner | 127.0.0.1 | create | members/ann | =1+1",
        ]
    );
    assert_eq!(desk.does(&["audit", "list", "--what", "tiers"]), "none\n");
    let said = desk.does(&["audit", "verify"]);
    let newest = said.strip_prefix("whole: 3 rows\nnewest: 3:").expect("it tells the newest").trim_end();
    assert_eq!(desk.does(&["audit", "verify", "--from", &format!("3:{newest}")]), said);
    let other = newest.chars().rev().collect::<String>();
    assert_eq!(
        desk.fails(&["audit", "verify", "--from", &format!("3:{other}")]),
        "the audit was changed: row 3 is not what was written"
    );
    assert_eq!(
        desk.fails(&["audit", "verify", "--from", "3"]),
        "from: expected NUMBER:DIGEST, as verify tells of the newest row"
    );
    assert_eq!(desk.json(&["audit", "verify", "--json"])["whole"], true);
    let csv = desk.does(&["audit", "export", "--format", "csv"]);
    assert!(
        csv.starts_with(
            "number,at,actor,address,what,action,before,after,reason,revision,previous,digest\r\n"
        ) || csv.starts_with(
            "number,at,actor,address,what,action,before,after,reason,revision,previous,digest\n"
        ),
        "{csv}"
    );
    assert!(csv.contains("'=1+1"), "a spreadsheet would run it: {csv}");
    let jsonl = desk.does(&["audit", "export", "--what", "members/ann"]);
    let rows: Vec<serde_json::Value> =
        jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| row["number"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(rows[0]["previous"], rows[1]["digest"]);
    assert_eq!(
        desk.fails(&["audit", "list", "--from", "yesterday"]),
        "from: no time; expected one such as 2027-01-01T00:00:00Z"
    );
}

#[test]
fn whoever_has_no_token_or_the_wrong_place_is_told_what_to_do() {
    let desk = Desk::new();
    let run = |token: Option<&str>, admin: &str| {
        let mut command = timebudget(["tiers", "list"]);
        command.env("TIMEBUDGET_ADMIN", admin).env_remove("TIMEBUDGET_TOKEN");
        let command =
            token.into_iter().fold(&mut command, |command, token| command.env("TIMEBUDGET_TOKEN", token));
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let here = format!("http://{}", desk.admin.address);
    let line = |text: &str| format!("{text}\n");
    assert_eq!(run(None, &here), (2, line("no token; expected --token-file FILE, or TIMEBUDGET_TOKEN")));
    assert_eq!(
        run(Some("a b"), &here),
        (2, line("the token is empty, or no token; expected tbm_ and 43 letters"))
    );
    assert_eq!(run(Some("wrong"), &here), (2, line("the token is nobody's")));
    assert_eq!(run(Some(TOKEN), &here), (0, String::new()));
    let (status, told) = run(Some(TOKEN), "http://127.0.0.1:1");
    assert!(status == 1 && told.contains("no answer") && told.contains("timebudget serve --admin"), "{told}");
    // The application beside it answers everything, by 200 and JSON; a list of nothing was read from that.
    let (status, told) = run(Some(TOKEN), &format!("http://{}", desk.admin.server.address));
    assert!(status == 1 && told.contains("somebody else answers there") && !told.contains(TOKEN), "{told}");
}
