//! What is said in another place than the files: below them, checked with them, and shadowed by them.

use config::{Configuration, Files, Hosts, Layer, Options, Origin, Ruleset};

use super::*;

fn ruleset(name: &str, text: &str) -> Ruleset {
    Ruleset::parse(name, text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn plans(rules: &[&str]) -> Ruleset {
    let rule = |name: &&str| format!(r#"{{"name": "{name}", "limits": "9 per day"}}"#);
    ruleset("ruleset plans", &format!("[{}]", rules.iter().map(rule).collect::<Vec<_>>().join(", ")))
}

fn clients(text: &str) -> Layer {
    Layer::parse("database", text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn options(layer: Layer) -> Options {
    Options::default().with_identity_in_code().with_layer(layer)
}

fn below(file: &str, layer: Layer) -> Configuration {
    Configuration::from_text(file, &options(layer)).unwrap_or_else(|errors| panic!("{errors}"))
}

fn names(site: &Site) -> Vec<&str> {
    site.rules.iter().map(|rule| rule.name.as_str()).collect()
}

fn shadowed(read: &Configuration) -> Vec<String> {
    read.shadowed.iter().map(ToString::to_string).collect()
}

#[test]
fn rules_of_files_come_first_and_win_where_a_name_stands_in_both() {
    let file =
        r#"{"rate_limit": "60s per hour", "rate_limit_rules": [{"name": "login", "limits": "1 per hour"}]}"#;
    let read = below(file, Layer::new("database").with_rules([plans(&["export", "login"])]));
    assert_eq!(names(&read.loaded.fallback), ["login", "site", "export"]);
    let hour = Limit::Requests { quota: 1, period: Period::HOUR };
    assert_eq!(read.loaded.fallback.rules[0].limits, [hour]);
    let said = "ruleset plans: rules: \"login\" stands in site_config.json, too, which holds for the site *";
    assert_eq!(shadowed(&read), [said]);
    assert_eq!((read.shadowed[0].key, read.shadowed[0].name.as_str()), ("rules", "login"));
    assert!(read.loaded.warnings.is_empty(), "{:?}", read.loaded.warnings);
}

#[test]
fn rules_in_rust_win_as_those_of_files_do() {
    let layer = Layer::new("database").with_rules([plans(&["export", "login"])]);
    let options = options(layer).with_rules_in_code(["login"]);
    let read = Configuration::from_text("{}", &options).unwrap();
    assert_eq!(names(&read.loaded.fallback), ["export"]);
    let said = "ruleset plans: rules: \"login\" stands in code, too, which holds for the site *";
    assert_eq!(shadowed(&read), [said]);
}

#[test]
fn clients_of_files_win_name_by_name() {
    let file = r#"{"rate_limit_tiers": {"gold": {"multiplier": 2}}, "rate_limit_users": {"alice": {"tier": "gold"}},
        "rate_limit_overrides": [{"user": "bob", "limits": "1/day", "until": "2027-01-01T00:00:00Z"}]}"#;
    let layer = clients(
        r#"{"tiers": {"gold": {"multiplier": 9}, "iron": {}}, "groups": {"vips": "gold"},
        "users": {"alice": {"tier": "iron"}, "carol": {"tier": "iron"}},
        "overrides": [{"user": "bob", "limits": "9/day"}, {"user": "bob", "limits": "8/day", "from": "2027-01-01T00:00:00Z", "rule": "site"},
            {"user": "dora", "limits": "7/day"}]}"#,
    );
    let file = file.replacen('{', r#"{"rate_limit": "60s per hour", "#, 1);
    let read = below(&file, layer);
    let tiers = &read.loaded.fallback.tiers;
    assert_eq!(tiers.tiers()[0].multiplier, timebudget::Multiplier(2_000_000));
    assert_eq!((tiers.users["alice"].tier.as_str(), tiers.users["carol"].tier.as_str()), ("gold", "iron"));
    assert_eq!(tiers.groups["vips"], "gold");
    let users: Vec<_> = tiers.overrides().map(|over| over.user.as_str()).collect();
    assert_eq!(users, ["bob", "dora", "bob"], "those of the layer, and then those of the file");
    let keys: Vec<_> = read.shadowed.iter().map(|shadowed| (shadowed.key, shadowed.name.as_str())).collect();
    assert_eq!(keys, [("overrides", "bob"), ("tiers", "gold"), ("users", "alice")]);
}

#[test]
fn files_and_layer_may_name_what_the_other_has() {
    let file = r#"{"rate_limit_groups": {"vips": "gold"}, "rate_limit_overrides": [{"user": "bob", "rule": "export", "limits": "9/day"}]}"#;
    let layer = clients(r#"{"tiers": {"gold": {"limits": {"export": "30/day"}}}}"#);
    let read = below(file, layer.clone().with_rules([plans(&["export"])]));
    assert!(read.errors().is_none());
    let without = Configuration::from_text(file, &options(layer)).unwrap_err().to_string();
    assert_eq!(
        without,
        "site_config.json: rate_limit_overrides[0].rule: \"export\": no such rule; there is none"
    );
}

#[test]
fn what_does_not_fit_is_told_at_its_place_in_the_layer() {
    let layer = clients(r#"{"groups": {"vips": "glod"}, "tiers": {"gold": {"limits": {"exprt": "9/day"}}}}"#)
        .with_rules([
            plans(&["login", "export"]),
            ruleset(
                "ruleset previews",
                r#"[{"name": "export", "limits": "1 per day"}, {"name": "each", "key": "country", "limits": "1 per day"}]"#,
            ),
        ]);
    let file = r#"{"rate_limit_rules": [{"name": "login", "limits": "1 per hour"}]}"#;
    let errors = Configuration::from_text(file, &options(layer)).unwrap_err().to_string();
    let expected = [
        "ruleset previews: rules[1]: \"each\": nobody tells where clients are; expected rate_limit_country",
        "database: groups.vips: \"glod\": no such tier; did you mean \"gold\"?",
        "ruleset previews: rules[0]: \"export\": another ruleset of the site has a rule of this name; expected another",
    ];
    assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
    let unmet = below(
        "{}",
        clients(r#"{"tiers": {"gold": {"limits": {"exprt": "9/day"}}}}"#).with_rules([plans(&["export"])]),
    );
    let unmet: Vec<_> = unmet.unmet.iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        ["database: tiers.gold.limits.exprt: \"exprt\": no such rule; did you mean \"export\"?"]
    );
}

#[test]
fn a_site_that_does_not_say_who_clients_are_has_none_of_the_layers_tiers_and_a_warning() {
    let layer = clients(
        r#"{"users": {"alice": {"tier": "gold"}}, "tiers": {"gold": {}, "default": {"multiplier": 2}}}"#,
    );
    let read = Configuration::from_text("{}", &Options::default().with_layer(layer.clone())).unwrap();
    let untold = "without effect in a site where nobody tells who clients are; \
                  expected rate_limit_identity or rate_limit_api_keys";
    let warnings: Vec<_> = read.loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [format!("database: tiers: {untold}"), format!("database: users: {untold}")]);
    assert!(read.loaded.fallback.tiers.tiers().is_empty());

    let key = format!(
        r#"{{"api_keys": {{"sha256:{}": {{"name": "Acme", "tier": "gold"}}}}, "tiers": {{"gold": {{}}}}}}"#,
        "0".repeat(64)
    );
    let read = Configuration::from_text("{}", &Options::default().with_layer(clients(&key))).unwrap();
    assert!(read.loaded.warnings.is_empty(), "its keys tell who clients are: {:?}", read.loaded.warnings);
    assert_eq!(read.loaded.fallback.tiers.tiers().len(), 1);

    let groups = clients(r#"{"groups": {"vips": "gold"}, "tiers": {"gold": {}}}"#);
    let file = r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User"}}"#;
    let read = Configuration::from_text(file, &Options::default().with_layer(groups)).unwrap();
    let warnings: Vec<_> = read.loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("database: groups: nobody tells which groups clients are in"),
        "{warnings:?}"
    );
    assert_eq!(read.loaded.fallback.tiers.tiers().len(), 1);
}

#[test]
fn every_mistake_of_a_layers_own_text_has_its_place() {
    let errors = |text| Layer::parse("database", text).unwrap_err().to_string();
    assert_eq!(
        errors(
            r#"{"tiers": {"gold": {"multiplier": 0}}, "user": {}, "overrides": [{"user": "", "limits": "1/day"}]}"#
        ),
        "database: user: an object: no such field; did you mean users?\n\
         database: tiers.gold.multiplier: 0: not above 0; expected a number above 0 and at most 1000000, with at most six decimals\n\
         database: overrides[0].user: \"\": empty; expected the name of a user"
    );
    assert_eq!(errors("{"), "database: line 1, column 1: not JSON: EOF while parsing an object");
    assert!(errors("[]").starts_with(
        "database: []: not an object; expected an object of tiers, groups, users, overrides or api_keys"
    ));
    let rules = |text| Ruleset::parse("ruleset plans", text).unwrap_err().to_string();
    assert_eq!(
        rules(
            r#"[{"name": "site", "limits": "1/day"}, {"name": "a", "limits": "1/day"}, {"name": "a", "limits": "1/day"}]"#
        ),
        "ruleset plans: rules[0].name: \"site\": is the name of a rule of rate_limit; expected another"
    );
    assert_eq!(
        rules(r#"[{"name": "a", "limits": "1/day"}, {"name": "a", "limits": "1/day"}]"#),
        "ruleset plans: rules[1].name: \"a\": rules[0] has this name; expected another"
    );
    assert_eq!(
        rules(r#"["\ud800"]"#),
        "ruleset plans: rules: half a character; expected texts of whole Unicode characters"
    );
}

#[test]
fn no_secret_of_a_layer_is_in_a_message_or_an_entry() {
    let key = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let wrong = Layer::parse("database", r#"{"api_keys": {"hunter2": {}}}"#).unwrap_err().to_string();
    assert!(!wrong.contains("hunter2"), "{wrong}");
    let layer = clients(&format!(r#"{{"api_keys": {{"{key}": {{"name": "Acme"}}}}}}"#));
    let read = below("{}", layer.with_rules([plans(&["export"])]));
    let said: Vec<_> =
        read.sites[0].1.iter().filter(|entry| matches!(entry.origin, Origin::Layer(_))).collect();
    let said: Vec<_> =
        said.iter().map(|entry| (entry.key, entry.origin.to_string(), &*entry.value)).collect();
    let rules = "[\n  {\"name\": \"export\", \"limits\": \"9 per day\"}\n]";
    assert_eq!(
        said,
        [("rate_limit_rules", "ruleset plans".to_owned(), rules)],
        "there may be thousands of clients"
    );
}

#[test]
fn sites_without_clients_of_their_own_share_those_of_the_layer_and_their_mistakes_are_told_once() {
    let dir = Directory::with(
        "shared-clients",
        &[("a.example/site_config.json", "{}"), ("b.example/site_config.json", "{}")],
    );
    let tier = |name: &str| timebudget::Assignment { tier: name.to_owned(), term: Default::default() };
    let layer = Layer::new("database").with_tier("gold", Some(timebudget::Tier::new("gold")));
    let layer = layer.with_user("alice", Some(tier("gold")));
    let read = Files::from_dir(&dir.0, &options(layer.clone())).read().unwrap();
    let sites = &read.loaded.sites;
    assert_eq!(
        sites[0].1.tiers, sites[1].1.tiers,
        "one table, for those of a layer are equal only if they are one"
    );
    let files = Files::from_dir(&dir.0, &options(layer.clone()));
    assert_eq!(
        files.draft(layer.with_user("bob", Some(tier("glod")))).unwrap_err().to_string(),
        "database: users.bob.tier: \"glod\": no such tier; did you mean \"gold\"?"
    );
}

#[test]
fn a_site_may_have_rulesets_of_its_own_or_none() {
    let files = [
        ("common_site_config.json", r#"{"rate_limit": "60s per hour"}"#),
        ("a.example/site_config.json", "{}"),
        ("b.example/site_config.json", "{}"),
        ("c.example/site_config.json", "{}"),
    ];
    let dir = Directory::with("rulesets", &files);
    let layer = Layer::new("database")
        .with_rules([plans(&["policy"])])
        .with_rules_of("b.example", [plans(&["own"])])
        .with_rules_of("c.example", []);
    let read = Configuration::from_dir(&dir.0, &options(layer)).unwrap();
    let rules: Vec<_> = read.loaded.sites.iter().map(|(_, site)| names(site)).collect();
    assert_eq!(rules, [vec!["site", "policy"], vec!["site", "own"], vec!["site"]]);
    assert_eq!(names(&read.loaded.fallback), ["site", "policy"], "hosts that have no site are not unlimited");
}

#[test]
fn a_narrowed_ruleset_is_for_some_requests_of_its_rules() {
    let rules =
        r#"[{"name": "a", "limits": "1/day"}, {"name": "b", "when": {"method": "PUT"}, "limits": "1/day"}]"#;
    let below = timebudget::Condition::Path(timebudget::Text::Below("/preview".to_owned()));
    let narrowed = ruleset("previews", rules).narrowed(&below);
    let applies =
        |path| narrowed.rules().iter().map(|rule| rule.when.matches(&asked("PUT", path))).collect::<Vec<_>>();
    assert_eq!((applies("/preview/x"), applies("/")), (vec![true, true], vec![false, false]));
    assert!(!narrowed.rules()[1].when.matches(&asked("GET", "/preview")));
}

#[test]
fn rules_that_the_others_keep_from_applying_are_suspect_wherever_they_stand() {
    let file = r#"{"rate_limit_rules": [{"name": "rest", "otherwise": true, "limits": "1 per hour"}]}"#;
    let read = below(file, Layer::new("database").with_rules([plans(&["all"])]));
    let never =
        "site_config.json: rate_limit_rules[0]: \"rest\": never applies, for the rule all always does";
    assert_eq!(read.loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [never]);
    let hosts = ruleset(
        "ruleset hosts",
        r#"[{"name": "a", "when": {"host": "nobody.example"}, "limits": "1 per day"}]"#,
    );
    let read = below("{}", Layer::new("database").with_rules([hosts]));
    let warnings: Vec<_> = read.loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("ruleset hosts: rules[0].when: \"a\": no configured host is such a one"),
        "{warnings:?}"
    );
}

#[test]
fn a_new_layer_is_in_force_at_the_next_reading_and_no_file_is_read_for_it() {
    let (dir, mut files) = many_sites::many("layer");
    let reads = files.reads();
    let draft = files.draft(Layer::new("database").with_rules([plans(&["export"])])).unwrap();
    assert_eq!(names(&draft.loaded.sites[0].1), ["site", "export"]);
    assert_eq!(names(&files.read().unwrap().loaded.sites[0].1), ["site"], "a draft changes nothing");
    files.set_layer(Layer::new("database").with_rules([plans(&["export"])]));
    let read = files.read().unwrap();
    assert!(read.loaded.sites.iter().all(|(_, site)| names(site) == ["site", "export"]));
    assert_eq!(files.reads(), reads);
    fs::write(dir.0.join("site7.example/site_config.json"), "{}").unwrap();
    assert_eq!(
        files.read().unwrap().loaded.sites.iter().filter(|(_, site)| names(site) == ["export"]).count(),
        1
    );
    assert_eq!(files.reads(), reads + 1, "one changed file reads one file");
}

#[test]
fn a_draft_is_told_its_own_mistakes_and_not_those_of_files() {
    let files = [
        ("common_site_config.json", "{}"),
        ("a.example/site_config.json", "{"),
        ("b.example/site_config.json", r#"{"rate_limit": "60s per hour"}"#),
    ];
    let dir = Directory::with("drafts", &files);
    let mut files = Files::from_dir(&dir.0, &Options::default());
    assert_eq!(files.read().unwrap().loaded.wrong.len(), 1);
    let draft = |text| Layer::new("database").with_rules([ruleset("draft", text)]);
    let read = files.draft(draft(r#"[{"name": "export", "limits": "1/day"}]"#)).unwrap();
    assert_eq!(read.loaded.wrong.len(), 1, "what is wrong with a file is still there to be seen");
    let errors = files.draft(draft(r#"[{"name": "each", "key": "user", "limits": "1/day"}]"#)).unwrap_err();
    let untold = "nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys";
    assert_eq!(errors.to_string(), format!("draft: rules[0]: \"each\": {untold}"));
}

fn conditions(site: &Site) -> Vec<String> {
    site.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.when)).collect()
}

#[test]
fn published_and_unpublished_hosts_have_rulesets_of_their_own_and_a_site_without_previews_has_no_rules_for_them()
 {
    let previews = || ruleset("ruleset previews", r#"[{"name": "preview", "limits": "1 per day"}]"#);
    let layer = Layer::new("database")
        .with_rules_on(Hosts::Published, [plans(&["export"])])
        .with_rules_on(Hosts::Unpublished, [previews()]);
    let hosts = r#"{"rate_limit_hosts": ["shop.example", "7.preview.example"],
        "rate_limit_unpublished_hosts": ["*.preview.example", "staging.example"]}"#;
    let read = below(hosts, layer.clone());
    let names: Vec<_> = read.loaded.fallback.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["shop.example", "7.preview.example", "*.preview.example", "staging.example"]);
    let unpublished = r#"["7.preview.example", "*.preview.example", "staging.example"]"#;
    assert_eq!(
        conditions(&read.loaded.fallback),
        [format!("export: not (host {unpublished})"), format!("preview: host {unpublished}")]
    );
    assert_eq!(conditions(&below("{}", layer.clone()).loaded.fallback), ["export: every request"]);

    let of_site = |hosts| layer.clone().with_rules_of_on("*", hosts, []);
    assert_eq!(names_of(&below(hosts, of_site(Hosts::Published))), ["preview"]);
    assert_eq!(names_of(&below(hosts, of_site(Hosts::Unpublished))), ["export"]);
    let again = of_site(Hosts::All).without_rules_of("*", Hosts::Published);
    assert_eq!(names_of(&below(hosts, again.clone())), ["export"]);
    assert_eq!(again.without_rules_of("*", Hosts::All), layer);
}

fn names_of(read: &Configuration) -> Vec<&str> {
    names(&read.loaded.fallback)
}

#[test]
fn a_ruleset_for_both_kinds_of_hosts_is_one_and_two_with_a_name_in_common_are_a_mistake() {
    let hosts = r#"{"rate_limit_unpublished_hosts": ["*.preview.example"]}"#;
    let both = Layer::new("database").with_rules([plans(&["export"])]);
    assert_eq!(conditions(&below(hosts, both.clone()).loaded.fallback), ["export: every request"]);
    let other = ruleset("ruleset previews", r#"[{"name": "export", "limits": "1 per day"}]"#);
    let layer = both.with_rules_on(Hosts::Unpublished, [other]);
    assert_eq!(
        Configuration::from_text(hosts, &options(layer)).unwrap_err().to_string(),
        "ruleset previews: rules[0]: \"export\": another ruleset of the site has a rule of this name; expected another"
    );
}
