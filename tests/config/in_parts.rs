//! Sites that are so many that several threads work on them: what is said is as if one had come after another.

use config::{Files, Layer, Options, Ruleset};
use timebudget::{Engine, Sites};

use super::*;

const MANY: usize = 700;

fn name(at: usize) -> String {
    format!("site{at:03}.example")
}

/// A tenth of them are wrong, and a fifth of the others are suspect, each in words of its own.
fn text(at: usize) -> String {
    match at {
        at if at % 10 == 3 => format!(r#"{{ "rate_limit": "{at} per fortnight" }}"#),
        at if at % 5 == 0 => format!(
            r#"{{ "rate_limit_rules": [{{ "name": "r{at}", "key": "site", "limits": "5 per hour", "cost": {} }}] }}"#,
            at + 6
        ),
        _ => "{}".to_owned(),
    }
}

#[test]
fn what_is_wrong_with_hundreds_of_sites_is_said_in_their_order_and_once() {
    let names: Vec<_> = (0..MANY).map(|at| format!("{}/site_config.json", name(at))).collect();
    let texts: Vec<_> = (0..MANY).map(text).collect();
    let files: Vec<_> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let dir = Directory::with("in-parts", &files);
    let mut files = Files::from_dir(&dir.0, &Options::default());
    let plans =
        |text: &str| Layer::new("database").with_rules([Ruleset::parse("ruleset plans", text).unwrap()]);
    let layers = [
        Layer::new("database"),
        plans(r#"[{ "name": "plan", "limits": "9s per hour" }]"#),
        plans(r#"[{ "name": "plan", "limits": "8s per hour" }]"#),
    ];
    for (rules, layer) in layers.into_iter().enumerate() {
        files.set_layer(layer);
        let read = files.read().unwrap();
        let wrong: Vec<_> = read.loaded.wrong.iter().map(|wrong| wrong.site.clone()).collect();
        assert_eq!(wrong, (0..MANY).filter(|at| at % 10 == 3).map(name).collect::<Vec<_>>());
        for (wrong, at) in read.loaded.wrong.iter().zip((3..).step_by(10)) {
            assert!(
                wrong.errors.to_string().contains(&format!("\"{at} per fortnight\"")),
                "{}",
                wrong.errors
            );
        }
        let warnings = read.loaded.warnings.iter().map(ToString::to_string);
        let warnings: Vec<_> = warnings.filter(|warning| warning.contains("costs")).collect();
        let suspects: Vec<_> = (0..MANY).step_by(5).collect();
        assert_eq!(warnings.len(), suspects.len(), "{warnings:?}");
        for (warning, at) in warnings.iter().zip(suspects) {
            assert!(
                warning.contains(&format!("costs {}, ", at + 6)) && warning.contains(&name(at)),
                "{warning}"
            );
        }
        let sites = Sites::new(read.loaded, Engine::in_memory());
        for at in (0..MANY).filter(|at| at % 10 != 3) {
            let limiter = sites.limiter(Some(&name(at)));
            let own = usize::from(at % 5 == 0);
            assert_eq!((&limiter.site().name, limiter.site().rules.len()), (&name(at), own + rules.min(1)));
        }
    }
    let draft = plans(r#"[{ "name": "plan", "key": "user", "limits": "9s per hour" }]"#);
    let errors = files.draft(draft).unwrap_err();
    let [error] = errors.problems() else { panic!("{errors}") };
    assert_eq!((error.file(), error.place()), ("ruleset plans", "rules[0]"));
}
