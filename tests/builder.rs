//! One builder: what code says and what files say, together, and reloaded together.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, process, thread};

use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse, web};
use timebudget::config::{Environment, Layer, Origin, Ruleset};
use timebudget::explanation::Bearing;
use timebudget::store::memory::Memory;
use timebudget::{
    Asked, Component, Engine, HeaderPolicy, Identity, Limit, ManualClock, NotAsked, Override, Period, Rule,
    RuleBuilder, Site, Term, TimeBudget, UnixMicros, condition_by, path,
};

/// A file of its own for each test, gone with it.
struct File(PathBuf);

impl File {
    fn of(name: &str, text: &str) -> Self {
        let dir = env::temp_dir().join(format!("timebudget-builder-{}-{name}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = Self(dir.join("site_config.json"));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        let fresh = self.0.with_extension("new");
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, &self.0).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// The status of a request, and the tightest limit that it was told of.
async fn ask(budget: &TimeBudget, request: TestRequest) -> (u16, String) {
    let app = App::new().wrap(budget.clone()).default_service(web::to(HttpResponse::Ok));
    let request = request.peer_addr(([192, 0, 2, 1], 80).into()).to_request();
    let answer = call_service(&init_service(app).await, request).await;
    let limit = answer.headers().get("x-ratelimit-limit").map(|limit| limit.to_str().unwrap().to_owned());
    (answer.status().as_u16(), limit.unwrap_or_default())
}

fn rule(name: &str, limits: &str) -> RuleBuilder {
    TimeBudget::rule(name, limits)
}

fn names(budget: &TimeBudget) -> Vec<String> {
    budget.limiter().site().rules.iter().map(|rule| rule.name.clone()).collect()
}

fn told(budget: &TimeBudget) -> Vec<String> {
    budget.warnings().iter().map(ToString::to_string).collect()
}

#[actix_web::test]
async fn a_site_is_told_by_its_name_its_zone_and_what_is_exempt() {
    let budget = TimeBudget::builder()
        .site("shop")
        .zone("Asia/Kolkata")
        .trusted_proxies(["10.0.0.0/8"])
        .exempt(path("/health"))
        .exempt(condition_by(|request| request.headers().contains_key("x-internal")))
        .headers(HeaderPolicy::default())
        .rule(rule("a", "1 per hour"))
        .build()
        .unwrap();
    let limiter = budget.limiter();
    assert_eq!((limiter.site().name.as_str(), limiter.site().zone.name()), ("shop", "Asia/Kolkata"));
    for _ in 0..3 {
        assert_eq!(ask(&budget, TestRequest::with_uri("//health/")).await, (200, String::new()));
        let internal = TestRequest::with_uri("/").insert_header(("x-internal", "1"));
        assert_eq!(ask(&budget, internal).await, (200, String::new()));
    }
    assert_eq!(ask(&budget, TestRequest::with_uri("/")).await, (200, "1".to_owned()));
    assert_eq!(ask(&budget, TestRequest::with_uri("/")).await, (429, "1".to_owned()));
}

#[actix_web::test]
async fn limits_methods_and_statuses_are_typed_as_well() {
    let hourly = Limit::Requests { quota: 1, period: Period::HOUR };
    let rule = TimeBudget::rule("a", hourly).method(Method::POST).status(StatusCode::SERVICE_UNAVAILABLE);
    let budget = rule.charge_when([StatusCode::OK]).build().unwrap();
    assert_eq!(ask(&budget, TestRequest::post()).await.0, 200);
    assert_eq!(ask(&budget, TestRequest::post()).await.0, 503);
    assert_eq!(ask(&budget, TestRequest::get()).await.0, 200);
    assert_eq!(told(&TimeBudget::rule("a", [hourly, hourly]).build().unwrap()).len(), 1);
}

#[test]
fn rules_of_files_come_before_those_of_code_and_hold_where_a_name_is_theirs() {
    let text = r#"{"rate_limit_rules": [{"name": "both", "limits": "1 per hour"}, {"name": "file", "limits": "2 per hour"}]}"#;
    let builder = TimeBudget::builder().site("shop").site_text(text);
    let budget = builder.rule(rule("both", "7 per hour")).rule(rule("code", "3 per hour")).build().unwrap();
    assert_eq!(names(&budget), ["both", "file", "code"]);
    assert_eq!(budget.limiter().site().rules[0].limits[0].quota(), 1);
    assert_eq!(budget.limiter().site().name, "shop");
    assert_eq!(
        told(&budget),
        ["the rule both: the files of * have a rule of this name, which holds there; expected another name"]
    );
}

/// The time zone of a file was lost where code named another.
#[test]
fn what_a_file_says_comes_before_what_code_says_and_code_before_what_nobody_says() {
    let zone = |text: &str| {
        let built = TimeBudget::builder().zone("Europe/Paris").site_text(text).build().unwrap();
        built.limiter().site().zone.name().to_owned()
    };
    assert_eq!(zone(r#"{"time_zone": "Asia/Kolkata", "rate_limit": "1s per hour"}"#), "Asia/Kolkata");
    assert_eq!(zone(r#"{"rate_limit": "1s per hour"}"#), "Europe/Paris");
    let off = HeaderPolicy { enabled: false, ..HeaderPolicy::default() };
    let headers = |text: &str| {
        let built = TimeBudget::builder().headers(off.clone()).exact_paths().site_text(text).build().unwrap();
        built.limiter().site().headers.enabled
    };
    assert!(headers(r#"{"rate_limit": "1s per hour", "rate_limit_headers": {"enabled": true}}"#));
    assert!(!headers(r#"{"rate_limit": "1s per hour"}"#));
}

#[test]
fn rules_of_code_hold_for_every_site_of_a_directory() {
    let file = File::of("directory/shop.example", r#"{"rate_limit": "1s per hour"}"#);
    let dir = file.0.parent().unwrap().parent().unwrap();
    let budget = TimeBudget::builder().sites(dir).rule(rule("code", "5 per hour")).build().unwrap();
    for host in [Some("shop.example"), Some("other.example"), None] {
        let limiter = budget.sites().limiter(host);
        assert!(limiter.site().rules.iter().any(|rule| rule.name == "code"), "{host:?}");
    }
    let error = TimeBudget::builder().site("shop").sites(dir).build().unwrap_err().to_string();
    assert_eq!(error, "a site beside a directory of sites, which names its own; expected none");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn all_that_is_wrong_is_said_at_once_of_files_and_of_code() {
    let built = TimeBudget::builder()
        .zone("Europe/Pari")
        .trusted_proxies(["10.0.0.256"])
        .site_text(r#"{"rate_limit": "10 per fortnight"}"#)
        .rule(rule("a", "ten per hour"))
        .rule(rule("b", "1 per hour").method("A B"))
        .build();
    let error = built.unwrap_err();
    let lines: Vec<_> = error.findings().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 5, "{error}");
    assert!(
        lines[0].starts_with("site_config.json: rate_limit: \"10 per fortnight\": no such period"),
        "{error}"
    );
    assert!(lines[1].starts_with("zone: "), "{error}");
    assert!(lines[2].starts_with("\"10.0.0.256\": not an address"), "{error}");
    assert!(lines[3].starts_with("the rule a: "), "{error}");
    assert!(lines[4].starts_with("the rule b: \"A B\": not a method"), "{error}");
}

#[test]
fn warnings_of_files_are_read_beside_those_of_code() {
    let text = r#"{"rate_limit_rules": [{"name": "a", "limits": "1 per hour; 2 per hour"}]}"#;
    let budget =
        TimeBudget::builder().site_text(text).rule(rule("b", "1 per hour; 2 per hour")).build().unwrap();
    let told = told(&budget);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("the rule b: "), "{told:?}");
    assert!(told[1].starts_with("site_config.json: rate_limit_rules[0].limits"), "{told:?}");
}

#[test]
fn rules_of_files_may_ask_who_clients_are_where_code_tells_it() {
    let text = r#"{"rate_limit_rules": [{"name": "each", "key": "user", "limits": "60s per hour"}]}"#;
    assert!(TimeBudget::builder().site_text(text).build().is_err());
    let budget = TimeBudget::builder().site_text(text).identify(|_| None).build().unwrap();
    assert_eq!(told(&budget), Vec::<String>::new());
}

#[test]
fn a_reload_keeps_the_rules_of_code_and_wrong_files_leave_those_in_force_alone() {
    let file = File::of("reload", r#"{"rate_limit": "1s per hour"}"#);
    let budget = TimeBudget::builder().site_file(&file.0).rule(rule("code", "5 per hour")).build().unwrap();
    assert_eq!(names(&budget), ["site", "code"]);
    file.write(r#"{"rate_limit": "7 per hour"}"#);
    assert_eq!(names(&budget), ["site", "code"]);
    budget.reload().unwrap();
    assert_eq!(names(&budget), ["site-requests", "code"]);
    file.write(r#"{"rate_limit": "7 per fortnight"}"#);
    assert!(budget.reload().unwrap_err().to_string().contains("no such period"));
    assert_eq!(names(&budget), ["site-requests", "code"]);
}

#[test]
fn a_file_that_is_watched_is_in_force_when_it_has_changed() {
    let file = File::of("watch", r#"{"rate_limit": "1s per hour"}"#);
    let builder = TimeBudget::builder().site_file(&file.0).watch(Duration::from_millis(5));
    let budget = builder.rule(rule("code", "5 per hour")).build().unwrap();
    file.write(r#"{"rate_limit": "7 per hour"}"#);
    while names(&budget) != ["site-requests", "code"] {
        thread::sleep(Duration::from_millis(5));
    }
    budget.watcher().unwrap().reload();
}

#[test]
fn the_store_that_files_name_is_opened() {
    let environment =
        Environment::read([("RATELIMIT_STORAGE_URI", "memory://?snapshot=/no/such/directory/x")]);
    let budget = TimeBudget::builder().environment(environment).site_text(r#"{"rate_limit": "1s per hour"}"#);
    let error = budget.build().unwrap_err().to_string();
    assert!(error.starts_with("store: "), "{error}");
}

#[test]
fn files_of_two_places_are_a_mistake() {
    let error = TimeBudget::builder().site_text("{}").site_file("x").build().unwrap_err().to_string();
    assert!(error.contains("files of two places; expected one directory or one file"), "{error}");
}

#[actix_web::test]
async fn a_layer_is_put_in_force_below_files_and_code_and_keeps_what_was_spent() {
    let budget = TimeBudget::builder()
        .site_text(r#"{"rate_limit_rules": [{"name": "site-wide", "key": "site", "limits": "9 per day"}]}"#)
        .rule(rule("login", "5 per hour"))
        .build()
        .unwrap();
    let reloader = budget.reloader().unwrap();
    let layer = |limits| {
        let rules = format!(
            r#"[{{"name": "login", "limits": "1 per day"}}, {{"name": "plan", "key": "site", "limits": "{limits}"}}]"#
        );
        Layer::new("database").with_rules([Ruleset::parse("ruleset plans", &rules).unwrap()])
    };
    let draft = reloader.draft(layer("2 per day")).unwrap();
    assert_eq!((draft.shadowed.len(), draft.shadowed[0].name.as_str()), (1, "login"));
    assert_eq!(names(&budget), ["site-wide", "login"], "a draft changes nothing");

    reloader.set_layer(layer("2 per day")).unwrap();
    assert_eq!(names(&budget), ["site-wide", "plan", "login"]);
    assert_eq!(ask(&budget, TestRequest::default()).await, (200, "2".to_owned()));
    reloader.set_layer(layer("1 per day")).unwrap();
    assert_eq!(ask(&budget, TestRequest::default()).await.0, 429, "the new quota meets the old spend");
    reloader.set_layer(Layer::default()).unwrap();
    assert_eq!(names(&budget), ["site-wide", "login"]);
}

fn plans(rules: &str) -> Layer {
    Layer::new("database").with_rules([Ruleset::parse("ruleset plans", rules).unwrap()])
}

#[test]
fn a_layer_lies_below_files_from_the_beginning() {
    let file = File::of("a.example", r#"{"rate_limit": "7 per hour"}"#);
    let dir = file.0.parent().unwrap().join("sites");
    fs::create_dir_all(dir.join("a.example")).unwrap();
    fs::copy(&file.0, dir.join("a.example/site_config.json")).unwrap();
    let layer = plans(r#"[{"name": "plan", "limits": "2 per day"}]"#);
    let budget = TimeBudget::builder().sites(&dir).layer(layer).build().unwrap();
    let rules = |host| budget.sites().limiter(Some(host)).site().rules.len();
    assert_eq!((rules("a.example"), rules("other.example")), (2, 1));
}

#[actix_web::test]
async fn a_layer_without_files_lies_below_code_and_is_replaced() {
    let site = Site {
        rules: vec![Rule::new("own", Component::Site, Limit::requests(9).per(Period::DAY))],
        ..Site::unlimited("shop")
    };
    let layer = plans(
        r#"[{"name": "plan", "key": "site", "limits": "2 per day"}, {"name": "login", "limits": "1 per day"}]"#,
    );
    let budget =
        TimeBudget::builder().site(site).rule(rule("login", "5 per hour")).layer(layer).build().unwrap();
    assert_eq!(names(&budget), ["own", "plan", "login"]);
    assert_eq!(budget.limiter().site().name, "shop");
    assert_eq!(ask(&budget, TestRequest::default()).await, (200, "2".to_owned()));

    let reloader = budget.reloader().unwrap();
    assert_eq!(
        reloader.draft(plans(r#"[{"name": "login", "limits": "1 per day"}]"#)).unwrap().shadowed[0].by,
        Origin::Code
    );
    reloader.set_layer(plans(r#"[{"name": "plan", "key": "site", "limits": "1 per day"}]"#)).unwrap();
    assert_eq!(ask(&budget, TestRequest::default()).await.0, 429, "the new quota meets the old spend");
    reloader.set_layer(Layer::default()).unwrap();
    assert_eq!(names(&budget), ["own", "login"]);
}

#[test]
fn a_layer_that_does_not_fit_the_code_is_an_error_with_its_place() {
    let layer = Layer::parse("database", r#"{"groups": {"vips": "gold"}}"#).unwrap();
    let error = TimeBudget::builder().layer(layer).build().unwrap_err().to_string();
    assert_eq!(error, "database: groups.vips: \"gold\": no such tier; there is none");
}

#[test]
fn each_rule_in_force_says_where_it_comes_from_and_what_it_hides() {
    let file = r#"{"time_zone": "Europe/Paris", "rate_limit": "9s per hour", "rate_limit_unpublished_hosts": ["*.preview.example"],
        "rate_limit_rules": [{"name": "file", "limits": "9 per day"}]}"#;
    let layer =
        plans(r#"[{"name": "file", "limits": "1 per day"}, {"name": "plan", "limits": "2 per day"}]"#);
    let budget =
        TimeBudget::builder().site_text(file).rule(rule("code", "5 per hour")).layer(layer).build().unwrap();
    let reloader = budget.reloader().unwrap();
    assert_eq!(reloader.site_names(), ["*"]);
    let site = reloader.site("*").unwrap();
    let origins: Vec<_> =
        site.origins.iter().map(|from| (from.rule.as_str(), from.to_string(), from.key)).collect();
    let from = |origin: &str| origin.to_owned();
    assert_eq!(
        origins,
        [
            ("file", from("site_config.json"), Some("rate_limit_rules")),
            ("site", from("site_config.json"), Some("rate_limit")),
            ("plan", from("ruleset plans"), None),
            ("code", from("code"), None),
        ]
    );
    assert_eq!(
        (site.shadowed[0].name.as_str(), site.shadowed[0].by.to_string()),
        ("file", from("site_config.json"))
    );
    assert_eq!(
        (site.site.zone.name(), site.site.unpublished_hosts[0].as_str()),
        ("Europe/Paris", "*.preview.example")
    );
    assert!(site.wrong.is_none() && reloader.site("other.example").is_none());
}

#[test]
fn what_is_in_force_stays_to_be_seen_while_the_files_are_wrong() {
    let file = File::of("in-force", r#"{"rate_limit": "7 per hour"}"#);
    let budget = TimeBudget::builder().site_file(&file.0).build().unwrap();
    let reloader = budget.reloader().unwrap();
    file.write("{");
    assert_eq!(reloader.reload().unwrap_err(), reloader.errors().unwrap());
    assert_eq!(reloader.site("*").unwrap().origins[0].rule, "site-requests");
    file.write(r#"{"rate_limit": "8 per hour"}"#);
    reloader.reload().unwrap();
    assert_eq!(reloader.errors(), None);
}

#[actix_web::test]
async fn a_request_is_rehearsed_under_the_rules_in_force_and_under_a_draft() {
    let site = Site::unlimited("shop");
    let told = Arc::new(AtomicUsize::new(0));
    let tells = Arc::clone(&told);
    let budget =
        TimeBudget::builder().site(site).layer(plans("[]")).rule(rule("login", "0 per hour").path("/login"));
    let budget = budget.build().unwrap().on_refusal(move |_, _| {
        tells.fetch_add(1, Ordering::Relaxed);
    });
    let asked = Asked::new("GET", "/login").unwrap().peer([192, 0, 2, 7]);
    let refused = budget.rehearse(&asked).await.unwrap();
    assert_eq!((refused.answer.status, refused.answer.is_served), (429, false));
    assert!(matches!(refused.explanation.rules[0].bearing, Bearing::Applies { .. }));

    let draft =
        budget.reloader().unwrap().draft(plans(r#"[{"name": "plan", "limits": "9 per day"}]"#)).unwrap();
    let elsewhere = Asked::new("GET", "/").unwrap().site("shop");
    let served = budget.rehearse_under(&draft, &elsewhere).await.unwrap();
    let text = served.to_string();
    assert!(text.starts_with("GET / for localhost from 127.0.0.1\n  site  shop (UTC)\n  now   "), "{text}");
    assert!(text.contains("\nrule 1 plan: applies\n  key ip \"127.0.0.1\"\n  9 per day  "), "{text}");
    assert!(
        text.contains("\nrule 2 login: does not apply, for path \"/login\" is wanted and \"/\" found\n"),
        "{text}"
    );
    assert!(
        text.contains("\nanswer, where nothing has been spent yet\n  what the application answers, and\n"),
        "{text}"
    );
    assert_eq!(
        budget.rehearse(&elsewhere).await.unwrap().explanation.rules.len(),
        1,
        "the draft is not in force"
    );

    let unknown = Asked::new("GET", "/").unwrap().site("no.example");
    assert_eq!(budget.rehearse(&unknown).await.unwrap_err(), NotAsked::Site("no.example".to_owned()));
    assert_eq!(told.load(Ordering::Relaxed), 0, "nobody is told of a rehearsal");
}

#[actix_web::test]
async fn an_override_of_a_layer_ends_on_the_second_without_a_reload() {
    let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
    let engine = Engine::new(Memory::default(), Arc::clone(&clock));
    let term = Term { from: None, until: Some(UnixMicros::from_secs(1_700_000_010)) };
    let limits = Limit::requests(9).per(Period::DAY).into();
    let over = Override { user: "ann".to_owned(), rule: None, limits, term, reason: None };
    let layer = Layer::new("database").with_overrides_of("ann", [over]);
    let each = rule("each", "2 per day").key(Component::User);
    let budget = TimeBudget::builder()
        .engine(&engine)
        .rule(each)
        .layer(layer)
        .identify(|_| Some(Identity::new("ann")));
    let budget = budget.build().unwrap();
    assert_eq!(ask(&budget, TestRequest::default()).await, (200, "9".to_owned()));
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(ask(&budget, TestRequest::default()).await, (200, "9".to_owned()));
    clock.advance(Duration::from_millis(1));
    assert_eq!(
        ask(&budget, TestRequest::default()).await,
        (429, "2".to_owned()),
        "the rule's own meets what was spent"
    );
}
