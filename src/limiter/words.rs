//! Explanations in words.

use std::fmt;
use std::sync::Arc;

use crate::limiter::aligned::aligned;
use crate::limiter::explanation::{Bearing, ExplainedLimit, Explanation, KeyPart, Terms};
use crate::limiter::moment::{Local, Utc};
use crate::model::{Component, Window, Zone, ZoneSource};

impl Explanation {
    /// The same words, with the site called otherwise.
    pub(crate) fn write(&self, site: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, at, exempt, is_preflight, rules, .. } = self;
        writeln!(f, "  site  {site} ({})", zone.name())?;
        writeln!(f, "  now   {}, {}", Local::new(zone, at.secs()), Utc(at.secs()))?;
        if let Some(exempt) = exempt {
            writeln!(f, "exempt\n  {exempt}: no rule is asked, nothing is charged")?;
        } else if *is_preflight {
            writeln!(f, "CORS preflight\n  it is never refused; its time is charged, and it is not counted")?;
        }
        for (at, rule) in rules.iter().enumerate() {
            write!(f, "rule {} {}: {}", at + 1, rule.name, bearing(&rule.bearing, zone))?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    /// Writes the site, when it is, and each rule with what it has to do with the request, on lines of their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&self.site, f)
    }
}

impl fmt::Display for Bearing {
    /// Writes what the rule has to do with the request, on one line: `gives way to login`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(bearing(self, &Zone::utc()).lines().next().unwrap_or_default())
    }
}

/// What a rule has to do with the request, and in the lines below it whose accounts it uses.
fn bearing(bearing: &Bearing, zone: &Zone) -> String {
    match bearing {
        Bearing::Differs { part, found: Some(found) } => {
            format!("does not apply, for {part} is wanted and {found} found\n")
        }
        Bearing::Differs { part, found: None } => format!("does not apply, for {part} does not hold\n"),
        Bearing::Exempt => "applies, but is told to leave the request alone\n".to_owned(),
        Bearing::Displaced { by } => format!("gives way to {}\n", names(by)),
        Bearing::Skipped { component } => format!("is skipped, for there is no {component}\n"),
        Bearing::Applies { key, limits, terms } => {
            let windows: Vec<_> = limits.iter().flat_map(|limit| rows(limit, zone)).collect();
            format!("applies{}\n{}{}", in_words(terms.as_ref()), parts(key), aligned(&windows))
        }
    }
}

/// Why the client may spend something else than the rule says.
fn in_words(terms: Option<&Terms>) -> String {
    match terms {
        None => String::new(),
        Some(Terms::Tier(name)) => format!(", in tier {name:?}"),
        Some(Terms::Override(None)) => ", with an override".to_owned(),
        Some(Terms::Override(Some(reason))) => format!(", with an override for {reason:?}"),
    }
}

fn names(names: &[Arc<str>]) -> String {
    names.join(", ")
}

fn parts(key: &[KeyPart]) -> String {
    key.iter().map(|part| format!("  key {}\n", described(part))).collect()
}

fn described(KeyPart { component, value, instead_of }: &KeyPart) -> String {
    let value = match (component, value) {
        // Which site it is stands above.
        (Component::Site, _) => String::new(),
        (_, Some(value)) => format!(" {value:?}"),
        (_, None) => " none".to_owned(),
    };
    match instead_of {
        Some(other) => format!("{component}{value}, for there is no {other}"),
        None => format!("{component}{value}"),
    }
}

/// The limit with its window, by the site's clock and by UTC.
fn rows(limit: &ExplainedLimit, zone: &Zone) -> Vec<[String; 2]> {
    let ends = |Window { start, end }: Window| (start.secs(), end.secs());
    let quota = limit.limit.to_string();
    let Some((start, end)) = limit.window.map(ends) else {
        return vec![[quota, "at any time".to_owned()]];
    };
    let utc = format!("{} until {}", Utc(start), Utc(end));
    if *zone.source() == ZoneSource::Utc {
        return vec![[quota, utc]];
    }
    let local = format!("{} until {}", Local::new(zone, start), Local::new(zone, end));
    vec![[quota, local], [String::new(), utc]]
}
