//! Directories of many sites, read again and again: one site's mistake stays that site's, and what has not changed is not
//! read.

use config::{Files, Meanwhile, Options};

use super::*;

const MANY: usize = 60;

/// Many sites, read and known.
pub(crate) fn many(test: &str) -> (Directory, Files) {
    let names: Vec<_> = (0..MANY).map(|at| format!("site{at}.example/site_config.json")).collect();
    let texts: Vec<_> = (0..MANY).map(|at| format!(r#"{{"rate_limit": "{}s/hour"}}"#, at + 1)).collect();
    let mut files: Vec<_> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("common_site_config.json", r#"{"time_zone": "Asia/Kolkata"}"#));
    let dir = Directory::with(test, &files);
    let mut files = Files::from_dir(&dir.0, &Options::default());
    assert_eq!(reading(&mut files), (MANY as u64 + 1, MANY), "the first time, all of them");
    // A file that has just been written is read once more: the file system's clock has steps.
    while reading(&mut files).0 > 0 {}
    (dir, files)
}

impl Directory {
    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// How many files it takes to read the configuration, and how many sites there are.
fn reading(files: &mut Files) -> (u64, usize) {
    let before = files.reads();
    let read = files.read().unwrap_or_else(|errors| panic!("{errors}"));
    assert!(read.loaded.wrong.is_empty(), "{:?}", read.loaded.wrong);
    (files.reads() - before, read.loaded.sites.len())
}

#[test]
fn a_file_is_read_again_if_it_has_changed_and_no_other() {
    let (dir, mut files) = many("reads");
    assert_eq!(reading(&mut files), (0, MANY), "nothing has changed");
    dir.write("site7.example/site_config.json", r#"{"rate_limit": "9s/hour"}"#);
    assert_eq!(reading(&mut files), (1, MANY));
    let limit =
        files.read().unwrap().loaded.sites.iter().find(|(name, _)| name == "site7.example").unwrap().1.rules
            [0]
        .limits[0];
    assert_eq!(limit, time(9_000_000, Period::HOUR));
}

#[test]
fn a_directory_that_comes_or_goes_is_noticed() {
    let (dir, mut files) = many("comes-and-goes");
    dir.write("new.example/site_config.json", "{}");
    assert_eq!(reading(&mut files), (1, MANY + 1));
    fs::remove_dir_all(dir.0.join("site3.example")).unwrap();
    fs::remove_file(dir.0.join("site4.example/site_config.json")).unwrap();
    assert_eq!(reading(&mut files).1, MANY - 1);
    fs::rename(dir.0.join("new.example"), dir.0.join("newer.example")).unwrap();
    assert_eq!(reading(&mut files), (1, MANY - 1), "the same file in another directory is another site's");
}

#[test]
fn a_common_file_that_changes_concerns_all_sites_and_is_read_alone() {
    let (dir, mut files) = many("common-changes");
    dir.write("common_site_config.json", r#"{"time_zone": "Europe/Paris"}"#);
    assert_eq!(reading(&mut files).0, 1);
    let read = files.read().unwrap();
    assert!(read.loaded.sites.iter().all(|(_, site)| site.zone.name() == "Europe/Paris"));
}

/// An editor that keeps length and time of modification, such as `rsync --inplace --times` or a restored backup, changes
/// a file all the same.
#[test]
fn a_change_that_keeps_length_and_time_is_noticed() {
    let (dir, mut files) = many("times");
    let path = dir.0.join("site5.example/site_config.json");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, r#"{"rate_limit": "7s/hour"}"#).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert!(reading(&mut files).0 >= 1);
    let new = dir.0.join("site5.example/new");
    fs::write(&new, r#"{"rate_limit": "8s/hour"}"#).unwrap();
    fs::File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
    fs::rename(&new, &path).unwrap();
    let read = files.read().unwrap();
    let (_, site) = read.loaded.sites.iter().find(|(name, _)| name == "site5.example").unwrap();
    assert_eq!(site.rules[0].limits, [time(8_000_000, Period::HOUR)]);
}

/// Two changes within one step of the file system's clock bear one stamp.
#[test]
fn a_file_that_changes_twice_in_a_moment_is_read_as_it_is_at_last() {
    let (dir, mut files) = many("moments");
    for limit in [1, 2, 3, 4, 5, 6, 7, 8, 9].repeat(5) {
        dir.write("site0.example/site_config.json", &format!(r#"{{"rate_limit": "{limit}s/hour"}}"#));
        let read = files.read().unwrap();
        assert_eq!(read.loaded.sites[0].1.rules[0].limits, [time(limit * 1_000_000, Period::HOUR)]);
    }
}

#[test]
fn a_wrong_site_is_wrong_alone_and_is_read_until_it_is_right() {
    let (dir, mut files) = many("wrong-alone");
    dir.write("site7.example/site_config.json", "{");
    dir.write("new.example/site_config.json", r#"{"rate_limit": 5, "time_zone": "Europe/Pari"}"#);
    let read = files.read().unwrap();
    let wrong: Vec<_> = read
        .loaded
        .wrong
        .iter()
        .map(|one| (one.site.as_str(), one.meanwhile, one.errors.problems().len()))
        .collect();
    assert_eq!(wrong, [("new.example", Meanwhile::Refused, 2), ("site7.example", Meanwhile::LastRules, 1)]);
    assert_eq!(read.loaded.sites.len(), MANY + 1);
    let again = files.read().unwrap();
    assert_eq!(again.loaded.wrong, read.loaded.wrong);
    dir.write("site7.example/site_config.json", "{}");
    assert_eq!(files.read().unwrap().loaded.wrong.len(), 1);
}

#[test]
fn a_wrong_common_file_is_everybodys_and_changes_nothing() {
    let (dir, mut files) = many("wrong-common");
    dir.write("site7.example/site_config.json", "{");
    dir.write("common_site_config.json", r#"{"rate_limit_on_error": 5}"#);
    let errors = files.read().unwrap_err().to_string();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    assert!(
        errors.contains("common_site_config.json: rate_limit_on_error: 5: ") && errors.contains("not JSON"),
        "{errors}"
    );
    dir.write("common_site_config.json", "{}");
    let read = files.read().unwrap();
    assert_eq!(
        read.loaded.wrong[0].meanwhile,
        Meanwhile::LastRules,
        "what was right before is not forgotten"
    );
}

#[test]
fn where_the_environment_switches_everything_off_a_wrong_site_is_not_refused_either() {
    let dir =
        Directory::with("off", &[("common_site_config.json", "{}"), ("a.example/site_config.json", "{")]);
    let off = config::Environment::read([("RATELIMIT_ENABLED", "false")]);
    let read = Files::from_dir(&dir.0, &off.into()).read().unwrap();
    assert_eq!(read.loaded.wrong[0].meanwhile, Meanwhile::Open);
}

/// A mistake that shows only where two files lie above one another is that site's, whichever file it stands in.
#[test]
fn what_a_site_makes_wrong_of_the_common_file_is_that_sites_mistake() {
    let common = r#"{"rate_limit_trusted_proxies": ["::1"], "rate_limit_identity": {"user": "X-User"}, "rate_limit": "1s/hour"}"#;
    let files = [
        ("common_site_config.json", common),
        ("a.example/site_config.json", r#"{"rate_limit_trusted_proxies": []}"#),
        ("b.example/site_config.json", "{}"),
    ];
    let dir = Directory::with("made-wrong", &files);
    let read = Files::from_dir(&dir.0, &Options::default()).read().unwrap();
    assert_eq!(read.loaded.wrong.len(), 1);
    assert_eq!(read.loaded.wrong[0].site, "a.example");
    assert!(
        dir.errors().starts_with("sites/common_site_config.json: rate_limit_identity: "),
        "{}",
        dir.errors()
    );
}

/// Who renames a rule in one site's file is not to stop the reload of all others.
#[test]
fn a_rule_of_the_common_files_tiers_that_no_site_has_any_more_stops_nobody() {
    let common = r#"{"rate_limit_trusted_proxies": ["::1"], "rate_limit_identity": {"user": "X-User"}, "rate_limit": "1s/hour",
        "rate_limit_overrides": [{"user": "bob", "rule": "export", "limits": "9/day"}]}"#;
    let rule = |name| format!(r#"{{"rate_limit_rules": [{{"name": "{name}", "limits": "1/day"}}]}}"#);
    let files = [("common_site_config.json", common), ("a.example/site_config.json", &rule("export"))];
    let dir = Directory::with("unmet", &files);
    let mut files = Files::from_dir(&dir.0, &Options::default());
    assert!(files.read().unwrap().unmet.is_empty());
    dir.write("a.example/site_config.json", &rule("exports"));
    let read = files.read().unwrap();
    assert_eq!(read.loaded.sites[0].1.rules[0].name, "exports");
    assert_eq!(
        read.errors().unwrap().to_string(),
        dir.errors().replace("sites/", &format!("{}/", dir.0.display()))
    );
    assert!(
        dir.errors()
            .ends_with("rate_limit_overrides[0].rule: \"export\": no such rule; did you mean \"exports\"?")
    );
}

/// Whoever may write one site's file is not to stop the process that reads all of them.
#[cfg(unix)]
#[test]
fn what_is_no_file_and_would_never_end_is_that_sites_mistake() {
    let dir = Directory::with(
        "no-files",
        &[("common_site_config.json", "{}"), ("b.example/site_config.json", "{}")],
    );
    for site in ["a.example", "c.example"] {
        fs::create_dir_all(dir.0.join(site)).unwrap();
    }
    let pipe = dir.0.join("a.example/site_config.json");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    dir.link("/dev/zero", "c.example/site_config.json");
    let large = fs::File::create(dir.0.join("b.example/site_config.json")).unwrap();
    large.set_len(1 << 40).unwrap();
    let read = Files::from_dir(&dir.0, &Options::default()).read().unwrap();
    let said: Vec<_> =
        read.loaded.wrong.iter().map(|wrong| (wrong.site.as_str(), wrong.errors.to_string())).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    for (site, fault) in [
        ("a.example", "not a regular file"),
        ("b.example", "larger than 16 MiB"),
        ("c.example", "not a regular file"),
    ] {
        let (_, errors) = said.iter().find(|(wrong, _)| *wrong == site).unwrap();
        assert!(errors.ends_with(&format!("site_config.json: cannot be read: {fault}")), "{errors}");
    }
}

/// A link whose file is not there was no site file: the site was charged to whoever answers for unknown hosts.
#[cfg(unix)]
#[test]
fn a_link_to_no_file_is_that_sites_mistake() {
    let dir = Directory::with(
        "dangling",
        &[
            ("common_site_config.json", "{}"),
            ("a.example/site_config.json", "{}"),
            ("b.example/apps.txt", ""),
        ],
    );
    fs::create_dir_all(dir.0.join("c.example")).unwrap();
    dir.link("elsewhere.json", "c.example/site_config.json");
    let read = Files::from_dir(&dir.0, &Options::default()).read().unwrap();
    let [wrong] = &read.loaded.wrong[..] else { panic!("one is wrong: {:?}", read.loaded.wrong) };
    let errors = wrong.errors.to_string();
    assert_eq!(wrong.site, "c.example");
    assert!(
        errors.ends_with("site_config.json: cannot be read: a link to a file that does not exist"),
        "{errors}"
    );
}
