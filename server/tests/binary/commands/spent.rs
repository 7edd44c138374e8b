//! `accounts`, `grant`, `reset`, `usage`, `events` and `top`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::admin::TOKEN;
use crate::commands::desk::Desk;
use crate::running::timebudget;

const HEAD: &str = "site | rule | limit | client | spent | remaining | reset | id";

#[test]
fn accounts_are_listed_granted_more_and_reset() {
    let desk = Desk::new();
    assert_eq!(desk.does(&["accounts"]), "none\n");
    assert_eq!([desk.visit("ann"), desk.visit("ann")], [200, 200]);
    let all = desk.table(&["accounts"]);
    assert_eq!((all.len(), all[0].as_str()), (3, HEAD), "{all:?}");
    assert!(all[1].starts_with("* | each | 100s per year | ") && all[1].contains(" ms | "), "{all:?}");
    assert!(all[2].starts_with("* | calls | 1000 per year | - | 2 | 998 | "), "{all:?}");
    let own = desk.json(&["accounts", "--client", "ann", "--rule", "each", "--json"]);
    assert_eq!((&own[0]["client"], &own[0]["unit"]), (&"ann".into(), &"microseconds".into()));
    assert_eq!(desk.table(&["accounts", "--most", "1"]).len(), 2);

    let granted = desk.table(&["grant", "*", "each", "ann", "--amount", "60s", "--reason", "month end"]);
    assert_eq!(granted[0], HEAD);
    assert!(granted[1].starts_with("* | each | 100s per year | ann | 0 s | 160 s | "), "{granted:?}");
    let granted = desk.table(&["grant", "*", "calls", "--amount", "5", "--reason", "r"]);
    assert!(granted[1].starts_with("* | calls | 1000 per year | - | 0 | 1003 | "), "{granted:?}");
    assert_eq!(desk.visit("ann"), 200);
    let id = own[0]["id"].as_str().unwrap();
    let reset = desk.table(&["reset", "*", "each", "--id", id, "--reason", "a mistake of ours"]);
    assert!(reset[1].contains(" | 0 s | "), "{reset:?}");

    let grant = |more: &[&str]| desk.fails(&[&["grant", "*"], more].concat());
    assert_eq!(
        grant(&["each", "ann", "--amount", "lots", "--reason", "r"]),
        "--amount \"lots\": expected a time, as 60s or 1500ms, or a number of requests"
    );
    assert_eq!(
        grant(&["none", "ann", "--amount", "5s", "--reason", "r"]),
        "no rule none of a site * is in force"
    );
    assert_eq!(
        grant(&["each", "ann", "--amount", "5", "--reason", "r"]),
        "unit: the rule has no limit of this unit that more could be granted of"
    );
    assert!(grant(&["each", "ann", "--amount", "5s"]).contains("--reason <TEXT>"));
    assert_eq!(
        desk.fails(&["reset", "*", "each", "--reason", "r"]),
        "client: missing; the rule tells clients apart: expected one's name, or its id"
    );
}

#[test]
fn usage_and_top_tell_each_request_once() {
    let desk = Desk::new();
    assert_eq!(desk.does(&["usage"]), "none\n");
    assert_eq!([desk.visit("ann"), desk.visit("bob")], [200, 200]);
    let told = desk.table(&["usage"]);
    assert_eq!(told[0], "who or what | share | spent | requests | mean | p95 | refused");
    assert!(
        told.len() == 2 && told[1].starts_with("GET | 100.0 % | ") && told[1].contains(" ms | 2 | "),
        "{told:?}"
    );
    let rules = desk.table(&["usage", "--by", "rule"]);
    assert_eq!(rules.len(), 3, "{rules:?}");
    let of = |name: &str| rules.iter().find(|row| row.starts_with(name)).unwrap().contains(" ms | 2 | ");
    assert!(of("each | 50.0 %") && of("calls | 50.0 %"), "{rules:?}");
    assert_eq!(desk.json(&["usage", "--by", "outcome", "--rule", "calls", "--json"])[0]["requests"], 2);
    assert!(desk.table(&["usage", "--by", "time"])[0].starts_with("at | "));
    assert_eq!(
        desk.fails(&["usage", "--by", "colour"]),
        "by: expected time, route, method, outcome, rule, site, client or tier"
    );

    let top = desk.table(&["top", "--once"]);
    assert_eq!(top[0], "BUDGETS");
    assert_eq!(top[1], "site | rule | limit | spent | even pace | spent at | refused");
    assert!(top[2].starts_with("* | calls | 1000 per year | ") && top[2].contains(" | 2 | "), "{top:?}");
    assert!(top.iter().any(|row| row.starts_with("GET | 100.0 % | ")), "{top:?}");
    let top = desk.json(&["top", "--once", "--json"]);
    assert_eq!((&top["overview"][0]["spent"], &top["routes"][0]["requests"]), (&2.into(), &2.into()));
    assert!(desk.fails(&["top", "--every", "0"]).contains("--every"));
}

#[test]
fn events_are_printed_a_line_each_as_they_come() {
    let desk = Desk::new();
    let mut command = timebudget(["events"]);
    command.env("TIMEBUDGET_ADMIN", format!("http://{}", desk.admin.address)).env("TIMEBUDGET_TOKEN", TOKEN);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sent, lines) = std::sync::mpsc::channel();
    let printed = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || printed.lines().map_while(Result::ok).try_for_each(|line| sent.send(line)));
    // It listens from some moment on: something happens again and again until it has heard.
    let heard = (1..=600).find_map(|nth| {
        desk.does(&["tiers", "put", "gold", "--multiplier", &nth.to_string()]);
        lines.recv_timeout(std::time::Duration::from_millis(100)).ok()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let event: Value = serde_json::from_str(&heard.expect("a change is told")).unwrap();
    assert_eq!(
        (&event["event"], &event["data"]["what"], &event["data"]["actor"]),
        (&"changed".into(), &"tiers/gold".into(), &"owner".into())
    );
}
