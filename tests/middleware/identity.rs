//! Who clients are: told by code, or by a trusted proxy, and by nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::App;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data};
use timebudget::config::Options;
use timebudget::{
    Component, Computed, Condition, Cost, Identity, KeyValue, LimitSet, Rule, Site, TimeBudget, Watch,
    parse_rates,
};

use crate::harness::{Client, Listening, World, serve};

const BEHIND_PROXY: &str = r#"
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": {"user": "X-Forwarded-User", "groups": "X-Forwarded-Groups"}"#;

/// A server whose only rule has these fields, behind a proxy that is trusted.
fn behind_proxy(world: &World, rule: &str) -> Listening {
    let file = format!(
        r#"{{{BEHIND_PROXY}, "rate_limit_rules": [{{"name": "a", "limits": "1 per hour", {rule}}}]}}"#
    );
    start(&world.budget_of(&file))
}

fn start(budget: &TimeBudget) -> Listening {
    let budget = budget.clone();
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

async fn ask(client: &mut Client, fields: &str) -> u16 {
    client.get_with("/", fields).await.status
}

#[actix_web::test]
async fn users_behind_one_proxy_have_an_account_each() {
    let world = World::new();
    let mut client = behind_proxy(&world, r#""key": "user""#).connect().await;
    for (user, status) in [("alice", 200), ("bob", 200), ("alice", 429), ("Alice", 200), (" alice ", 429)] {
        assert_eq!(ask(&mut client, &format!("X-Forwarded-User: {user}\r\n")).await, status, "{user}");
    }
}

#[actix_web::test]
async fn a_client_without_a_user_is_known_by_what_stands_in() {
    let world = World::new();
    let mut client = behind_proxy(&world, r#""key": "user""#).connect().await;
    let one = "X-Forwarded-For: 192.0.2.1\r\n";
    assert_eq!(ask(&mut client, one).await, 200);
    assert_eq!(ask(&mut client, &format!("{one}X-Forwarded-User: \r\n")).await, 429, "an empty user is none");
    assert_eq!(
        ask(&mut client, &format!("{one}X-Forwarded-Groups: staff\r\n")).await,
        429,
        "groups are no user"
    );
    assert_eq!(ask(&mut client, "X-Forwarded-For: 192.0.2.2\r\n").await, 200, "another address");
}

#[actix_web::test]
async fn a_user_whom_no_trusted_proxy_tells_of_is_not_believed() {
    let world = World::new();
    let file = format!(
        r#"{{{}, "rate_limit_rules": [{{"name": "a", "key": "user", "limits": "1 per hour"}}]}}"#,
        BEHIND_PROXY.replace("127.0.0.1", "10.0.0.1")
    );
    let mut client = start(&world.budget_of(&file)).connect().await;
    assert_eq!(ask(&mut client, "X-Forwarded-User: alice\r\n").await, 200);
    assert_eq!(ask(&mut client, "X-Forwarded-User: bob\r\n").await, 429);
}

#[actix_web::test]
async fn two_lines_that_name_different_users_name_none() {
    let world = World::new();
    let mut client = behind_proxy(&world, r#""key": "user", "missing": "skip""#).connect().await;
    let proxy = "X-Forwarded-User: alice\r\n";
    assert_eq!(ask(&mut client, proxy).await, 200);
    assert_eq!(ask(&mut client, &format!("{proxy}{proxy}")).await, 429);
    for forged in ["X-Forwarded-User: mallory\r\n", "X-Forwarded-User: \u{e9}\r\n"] {
        assert_eq!(ask(&mut client, &format!("{forged}{proxy}")).await, 200, "the rule is skipped");
    }
    assert_eq!(ask(&mut client, "X-Forwarded-User: mallory\r\n").await, 200, "mallory has spent nothing");
}

/// A user whose name a proxy passes in ISO 8859-1 was nobody: one account with all others, or none with `missing: "skip"`.
#[actix_web::test]
async fn a_user_whose_name_is_no_utf8_is_a_user() {
    let world = World::new();
    let mut client = behind_proxy(&world, r#""key": ["user", "groups"], "missing": "skip""#).connect().await;
    let lines: [(&[u8], u16); 6] = [
        (b"jos\xe9\r\nX-Forwarded-Groups: a", 200),
        (b"jos\xe9\r\nX-Forwarded-Groups: a", 429),
        (b"jos\xe8\r\nX-Forwarded-Groups: a", 200),
        (b"jos\xe9\r\nX-Forwarded-Groups: \xe9t\xe9", 200),
        (b"jos\xe9\r\nX-Forwarded-Groups: \xe9t\xe9", 429),
        ("josé\r\nX-Forwarded-Groups: a".as_bytes(), 429),
    ];
    for (value, status) in lines {
        client.send([b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-User: ", value, b"\r\n\r\n"].concat()).await;
        assert_eq!(client.answer().await.status, status, "{}", value.escape_ascii());
    }
}

#[actix_web::test]
async fn groups_come_by_commas_and_lines_and_in_any_order() {
    let world = World::new();
    let mut client = behind_proxy(&world, r#""key": "groups""#).connect().await;
    let user = "X-Forwarded-User: alice\r\n";
    for (groups, status) in [
        ("X-Forwarded-Groups: a, b\r\n", 200),
        ("X-Forwarded-Groups: b\r\nX-Forwarded-Groups: ,a,,b\r\n", 429),
        ("X-Forwarded-Groups: ab\r\n", 200),
        ("X-Forwarded-Groups: a\r\n", 200),
    ] {
        assert_eq!(ask(&mut client, &format!("{user}{groups}")).await, status, "{groups}");
    }
}

#[actix_web::test]
async fn rules_ask_for_users_groups_and_whether_anybody_is_known() {
    for (when, matching, other) in [
        (r#"{"user": {"prefix": "bot-"}}"#, "X-Forwarded-User: bot-1\r\n", "X-Forwarded-User: alice\r\n"),
        (r#"{"user": ["alice", "bob"]}"#, "X-Forwarded-User: bob\r\n", ""),
        (
            r#"{"group": "vips"}"#,
            "X-Forwarded-User: alice\r\nX-Forwarded-Groups: staff,vips\r\n",
            "X-Forwarded-User: alice\r\nX-Forwarded-Groups: staff\r\n",
        ),
        (r#"{"authenticated": true}"#, "X-Forwarded-User: alice\r\n", "X-Forwarded-Groups: vips\r\n"),
        (r#"{"authenticated": false}"#, "", "X-Forwarded-User: alice\r\n"),
    ] {
        let world = World::new();
        let mut client = behind_proxy(&world, &format!(r#""key": "site", "when": {when}"#)).connect().await;
        let statuses = [
            ask(&mut client, matching).await,
            ask(&mut client, matching).await,
            ask(&mut client, other).await,
        ];
        assert_eq!(statuses, [200, 429, 200], "{when}");
    }
}

#[actix_web::test]
async fn users_can_be_exempt() {
    let world = World::new();
    let file =
        format!(r#"{{{BEHIND_PROXY}, "rate_limit": "0 per hour", "rate_limit_exempt": {{"user": "root"}}}}"#);
    let mut client = start(&world.budget_of(&file)).connect().await;
    assert_eq!(ask(&mut client, "X-Forwarded-User: root\r\n").await, 200);
    assert_eq!(ask(&mut client, "").await, 429);
}

#[actix_web::test]
async fn code_tells_who_clients_are_and_goes_before_headers() {
    let world = World::new();
    let file = format!(
        r#"{{{BEHIND_PROXY}, "rate_limit_rules": [{{"name": "a", "key": "user", "limits": "1 per hour"}}]}}"#
    );
    let budget = world.budget_of(&file).identify(|request| {
        let session = request.headers().get("x-session")?.to_str().ok()?;
        Some(Identity::new(session))
    });
    let mut client = start(&budget).connect().await;
    assert_eq!(ask(&mut client, "X-Session: alice\r\nX-Forwarded-User: x\r\n").await, 200);
    assert_eq!(ask(&mut client, "X-Session: alice\r\nX-Forwarded-User: y\r\n").await, 429);
    assert_eq!(ask(&mut client, "X-Forwarded-User: alice\r\n").await, 429, "the same user");
    assert_eq!(ask(&mut client, "X-Forwarded-User: bob\r\n").await, 200);
}

#[actix_web::test]
async fn code_is_asked_once_and_only_where_a_rule_needs_it() {
    let world = World::new();
    for (rules, asked) in [
        (
            r#"{"name": "a", "when": {"path": "/", "group": "x"}, "key": ["user", "groups"], "limits": "9/day"}, {"name": "b", "key": "user", "limits": "9/day"}"#,
            1,
        ),
        (r#"{"name": "c", "when": {"path": "/else", "user": "x"}, "limits": "9/day"}"#, 0),
        (r#"{"name": "d", "limits": "9/day"}"#, 0),
    ] {
        let file = format!(r#"{{"rate_limit_rules": [{rules}]}}"#);
        let (site, _) =
            Options::default().with_identity_in_code().parse_site("test", &file).expect("a site file");
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let budget = TimeBudget::of_site(site, world.engine()).identify(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Some(Identity::new("alice").in_groups(["x"]))
        });
        assert_eq!(ask(&mut start(&budget).connect().await, "").await, 200);
        assert_eq!(count.load(Ordering::Relaxed), asked, "{rules}");
    }
}

#[actix_web::test]
async fn parts_of_a_key_cannot_be_shifted_between_users_and_groups() {
    let world = World::new();
    let mut client = behind_proxy(&world, r#""key": ["user", "groups"], "missing": "site""#).connect().await;
    for (user, groups) in [("a", "b,c"), ("ab", "c"), ("a", "bc"), ("a,b", "c"), ("a", "")] {
        let fields = format!("X-Forwarded-User: {user}\r\nX-Forwarded-Groups: {groups}\r\n");
        assert_eq!(ask(&mut client, &fields).await, 200, "{user} {groups}");
        assert_eq!(ask(&mut client, &fields).await, 429, "{user} {groups}");
    }
}

#[actix_web::test]
async fn closures_over_facts_may_ask_who_the_client_is() {
    let world = World::new();
    let is = |name: &'static str| Computed::new(move |facts| facts.user() == Some(name));
    let name = Computed::new(|facts| facts.user().map(KeyValue::from));
    let cost = Computed::new(|facts| if facts.user() == Some("bob") { 2 } else { 1 });
    let more = LimitSet::from(parse_rates("3 per hour").unwrap());
    let limits = Computed::new(move |facts| (facts.user() == Some("carol")).then(|| more.clone()));
    let rule = |key: Component| Rule::new("a", key, parse_rates("2 per hour").unwrap());
    for (rule, user, statuses) in [
        (rule(Component::Computed(name)), "alice", [200, 200, 429, 429]),
        (Rule { cost: Cost::Computed(cost), ..rule(Component::Site) }, "bob", [200, 429, 429, 429]),
        (Rule { limits_by: Some(limits), ..rule(Component::Site) }, "carol", [200, 200, 200, 429]),
        (
            Rule { exempt_when: Some(Condition::Computed(is("dave"))), ..rule(Component::Site) },
            "dave",
            [200; 4],
        ),
        (Rule { when: Condition::Computed(is("nobody")), ..rule(Component::Site) }, "erin", [200; 4]),
    ] {
        let site = Site { rules: vec![rule], ..Site::unlimited(user) };
        let budget = TimeBudget::of_site(site, world.engine())
            .identify(|request| request.headers().get("x-user")?.to_str().ok().map(Identity::new));
        let mut client = start(&budget).connect().await;
        for status in statuses {
            assert_eq!(ask(&mut client, &format!("X-User: {user}\r\n")).await, status, "{user}");
        }
    }
}

type Names = Data<Mutex<Vec<Option<String>>>>;

/// Writes down who asked, outside of all budgets.
async fn write_down_who(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let names = request.app_data::<Names>().expect("names").clone();
    let watch = Watch::new();
    let answer = watch.during(|| next.call(request)).await;
    names.lock().unwrap().push(watch.user().map(|user| user.to_string()));
    answer
}

fn watched(budget: &TimeBudget) -> (Listening, Names) {
    let (names, budget) = (Names::default(), budget.clone());
    let shared = names.clone();
    let server = serve(move || {
        App::new()
            .app_data(shared.clone())
            .wrap(budget.clone())
            .wrap(from_fn(write_down_who))
            .default_service(web::to(async || "hello"))
    });
    (server, names)
}

#[actix_web::test]
async fn a_watch_tells_who_asks_also_where_no_rule_does_and_for_exempt_requests() {
    let file = format!(
        r#"{{{BEHIND_PROXY}, "rate_limit_exempt": {{"path": "/free"}},
            "rate_limit_rules": [{{"name": "a", "key": "ip", "limits": "1 per hour"}}]}}"#
    );
    let world = World::new();
    let (server, names) = watched(&world.budget_of(&file));
    let mut client = server.connect().await;
    for (path, status) in [("/free", 200), ("/", 200), ("/", 429)] {
        assert_eq!(client.get_with(path, "X-Forwarded-User: alice\r\n").await.status, status, "{path}");
    }
    assert_eq!(client.get("/free").await.status, 200);
    assert_eq!(
        *names.lock().unwrap(),
        [Some("alice"), Some("alice"), Some("alice"), None].map(|name| name.map(str::to_owned))
    );
}

#[actix_web::test]
async fn for_a_watch_the_application_is_not_asked_a_second_time_who_a_client_is() {
    let (world, asked) = (World::new(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let rule = TimeBudget::rule("a", "9 per hour").key(Component::User);
    let budget = world.build(rule).identify(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        Some(Identity::new(request.query_string()))
    });
    let (server, names) = watched(&budget);
    assert_eq!(server.connect().await.get("/?bob").await.status, 200);
    assert_eq!(
        (asked.load(Ordering::Relaxed), names.lock().unwrap().pop()),
        (1, Some(Some("bob".to_owned())))
    );
}
