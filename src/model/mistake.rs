//! Mistakes: what is wrong with a rule, or suspect about it, whoever has written it and where.

use std::fmt;

use crate::model::excerpt::quoted;

/// What is wrong with a rule or a site, or suspect about it.
///
/// A site file and code are told the same, in the same words. Displays as what was found, where a value is to blame, the
/// fault, and what was expected: `42: no status; expected a status, a class such as "4xx", or a list of them`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    weight: Weight,
    found: Option<String>,
    fault: String,
}

/// How bad a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It cannot be meant: a file that has it is not loaded, and a budget is not built.
    Wrong,
    /// It can be read, but may not be meant.
    Suspect,
}

impl Mistake {
    /// What cannot be meant.
    pub(crate) fn wrong(fault: impl Into<String>) -> Self {
        Self { weight: Weight::Wrong, found: None, fault: fault.into() }
    }

    /// What may not be meant.
    pub(crate) fn suspect(fault: impl Into<String>) -> Self {
        Self { weight: Weight::Suspect, found: None, fault: fault.into() }
    }

    /// The same, with the value that is to blame.
    pub(crate) fn of(self, found: impl fmt::Display) -> Self {
        Self { found: Some(found.to_string()), ..self }
    }

    /// The same, with the text that is to blame.
    pub(crate) fn of_text(self, found: &str) -> Self {
        self.of(quoted(found))
    }

    /// How bad it is.
    pub const fn weight(&self) -> Weight {
        self.weight
    }

    /// Whether it cannot be meant.
    pub fn is_wrong(&self) -> bool {
        self.weight == Weight::Wrong
    }

    /// The value that is to blame, if one is.
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// What is wrong with it, and what was expected.
    pub fn fault(&self) -> &str {
        &self.fault
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = &self.found {
            write!(f, "{found}: ")?;
        }
        f.write_str(&self.fault)
    }
}

/// A mistake, and the rule that has it.
///
/// Displays as `the rule exports: a fault; expected something else`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the rule; `None` where it is about the site as a whole.
    pub rule: Option<String>,
    /// What is wrong, or suspect.
    pub mistake: Mistake,
}

impl Finding {
    /// A mistake of a rule.
    pub(crate) fn of_rule(name: &str, mistake: Mistake) -> Self {
        Self { rule: Some(name.to_owned()), mistake }
    }

    /// A mistake of the site as a whole.
    pub(crate) const fn of_site(mistake: Mistake) -> Self {
        Self { rule: None, mistake }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) if rule.is_empty() || rule.contains(|letter: char| !letter.is_ascii_graphic()) => {
                write!(f, "the rule {}: ", quoted(rule))?;
            }
            Some(rule) => write!(f, "the rule {rule}: ")?,
            None => {}
        }
        self.mistake.fmt(f)
    }
}
