//! `timebudget limits`.

use crate::running::printed;
use crate::scratch::Scratch;

const RULES: &str = r#"{
    "time_zone": "Europe/Paris", "rate_limit": "600s per hour", "rate_limit_exempt": { "path": "/health" },
    "rate_limit_rules": [
        { "name": "login", "when": { "path": "/login", "method": "POST" }, "key": "ip", "limits": "10 per hour" },
        { "name": "token", "when": { "header": { "authorization": "Bearer hunter2" } }, "key": ["header:X-Api-Key", "route"],
          "missing": "skip", "per_method": true, "limits": "5 per minute; 2 concurrent", "counts": "all", "shadow": true },
        { "name": "default", "otherwise": true, "key": "site", "fair": true, "limits": "200 per day", "action": { "rewrite": "/busy" } }
    ] }"#;

#[test]
fn the_rules_are_a_table_in_their_order() {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", RULES);
    let table = printed(["limits".as_ref(), "--site".as_ref(), file.as_os_str()]);
    let expected = r#"every host (Europe/Paris)
  exempt: path "/health"
     name     limits                      key                                         counts  action         when
  1  login    10 per hour                 ip                                          served  block 429      path "/login", method "POST"
  2  token    5 per minute; 2 concurrent  header:x-api-key + route + method, or skip  all     shadow         header {"authorization": "Bear…"}
  3  default  200 per day                 site, fair by ip                            served  rewrite /busy  otherwise, every request
  4  site     600s per hour               site                                        served  block 429      every request
"#;
    assert_eq!(table, expected);
}

#[test]
fn the_table_shows_what_is_counted_and_shared() {
    let scratch = Scratch::new();
    let rules = r#"{ "rate_limit_rules": [
        { "name": "failures", "key": "ip", "limits": "9 per hour", "cost": 2, "charge_when": { "status": [404, "5xx"] } },
        { "name": "report", "when": { "path": "/r" }, "fair": ["ip", "route"], "limits": "9s per hour" } ] }"#;
    let file = scratch.write("site.json", rules);
    let table = printed(["limits".as_ref(), "--site".as_ref(), file.as_os_str()]);
    assert!(table.contains("  served, 2 each, if 404, 5xx  block 429  "), "{table}");
    assert!(table.contains("  site, fair by ip + route  served  "), "{table}");
}

#[test]
fn each_site_has_a_table_and_hosts_without_one_too() {
    let scratch = Scratch::new();
    scratch.write("common_site_config.json", r#"{ "rate_limit": "1 per day" }"#);
    scratch.write("a.example/site_config.json", r#"{ "rate_limit": null }"#);
    let tables = printed(["limits".as_ref(), "--sites".as_ref(), scratch.path("").as_os_str()]);
    assert!(tables.starts_with("a.example (UTC)\n  no rules\n\nhosts without a site (UTC)\n"), "{tables}");
    assert!(tables.contains("  1  site-requests  1 per day"), "{tables}");
}
