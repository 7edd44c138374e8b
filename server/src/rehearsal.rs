//! Rehearsals: what became of a request that nobody sent, as people read it.

use std::fmt;
use std::sync::Arc;

use timebudget::explanation::{Bearing, ExplainedLimit, Explanation, KeyPart, Terms};
use timebudget::{Component, Window, Zone, ZoneSource};

use crate::moment::{Local, Utc};
use crate::output::aligned;

/// A request, what the limiter makes of it, and the answer to it where nothing has been spent yet.
pub(crate) struct Rehearsal {
    pub(crate) request: String,
    /// What its site is called.
    pub(crate) site: String,
    pub(crate) explanation: Explanation,
    pub(crate) answer: Answer,
}

/// An answer of the middleware, or of the application under it.
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the application was asked.
    pub(crate) is_served: bool,
    /// The path that the application was asked for, where it is another.
    pub(crate) instead: Option<String>,
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { zone, at, exempt, is_preflight, rules, .. } = &self.explanation;
        writeln!(f, "{}", self.request)?;
        writeln!(f, "  site  {} ({})", self.site, zone.name())?;
        writeln!(f, "  now   {}, {}", Local::of(zone, at.secs()), Utc(at.secs()))?;
        if let Some(exempt) = exempt {
            writeln!(f, "exempt\n  {exempt}: no rule is asked, nothing is charged")?;
        } else if *is_preflight {
            writeln!(f, "CORS preflight\n  it is never refused; its time is charged, and it is not counted")?;
        }
        for (at, rule) in rules.iter().enumerate() {
            write!(f, "rule {} {}: {}", at + 1, rule.name, bearing(&rule.bearing, zone))?;
        }
        write!(f, "answer, where nothing has been spent yet\n{}", self.answer)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_served, &self.instead) {
            (false, _) => writeln!(f, "  {}", self.status)?,
            (true, None) => writeln!(f, "  what the application answers, and")?,
            (true, Some(path)) => writeln!(f, "  {}, the page of {path} in place, and", self.status)?,
        }
        if self.is_served && self.headers.is_empty() {
            writeln!(f, "  no headers")?;
        }
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        if !self.body.is_empty() {
            writeln!(f, "\n  {}", self.body.trim_end().replace('\n', "\n  "))?;
        }
        Ok(())
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
    let local = format!("{} until {}", Local::of(zone, start), Local::of(zone, end));
    vec![[quota, local], [String::new(), utc]]
}
