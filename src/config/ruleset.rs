//! Rulesets: rules that stand in no site file, and for which hosts of a site they are.

use std::sync::Arc;

use crate::config::json::{Document, Json};
use crate::config::keys::{Entry, Origin};
use crate::config::reader::Value;
use crate::config::report::{Errors, Inspection, Page, Problem};
use crate::config::rules::rules;
use crate::model::{Condition, Rule};

/// Rules in the format of `rate_limit_rules` that stand in no site file, such as those that people keep in a database.
///
/// Each of them is right by itself, and no two have one name. Whether they fit a site is known when a
/// [`Layer`](crate::config::Layer) adds them to it.
///
/// A clone costs nothing: it is the same ruleset.
#[derive(Clone, Debug)]
pub struct Ruleset(Arc<Said>);

/// Behind an `Arc`, since the same ruleset may lie below ten thousand sites.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    name: Arc<str>,
    rules: Vec<Rule>,
    warnings: Vec<Problem>,
    /// As they are shown.
    entry: Option<Entry>,
}

impl PartialEq for Ruleset {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Ruleset {
    /// Reads the JSON list that `rate_limit_rules` could have.
    ///
    /// `name` is what messages have in the place of a file: `ruleset plans: rules[2].limits: …`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text, each with its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Ruleset;
    ///
    /// let plans = Ruleset::parse("ruleset plans", r#"[{ "name": "export", "limits": "60s per hour" }]"#)?;
    /// assert_eq!(plans.rules()[0].name, "export");
    ///
    /// let wrong = r#"[{ "name": "export", "limits": "60s per hour", "kee": "ip" }, { "name": "login" }]"#;
    /// assert_eq!(
    ///     Ruleset::parse("ruleset plans", wrong).unwrap_err().to_string(),
    ///     "ruleset plans: rules[0].kee: a text: no such field; did you mean key?\n\
    ///      ruleset plans: rules[1].limits: missing; expected a rate string such as \"10 per hour\""
    /// );
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn parse(name: &str, text: &str) -> Result<Self, Errors> {
        let (inspection, mut entry) = (Inspection::default(), None);
        let page = inspection.page(name);
        let rules = whole(text, "rules", &page, |value| {
            let origin = Origin::Layer(Arc::clone(&page.file));
            entry = Some(Entry::said("rate_limit_rules", value.json(), origin));
            rules(value)
        });
        let name = Arc::clone(&page.file);
        let warnings = inspection.close()?;
        Ok(Self(Arc::new(Said { name, rules: rules.unwrap_or_default(), warnings, entry })))
    }

    /// The same rules, each for those of its requests that fulfil another condition, too, such as one on hosts.
    ///
    /// A rule that had no condition of its own then has this one; any other needs both. Names, keys and limits stay, so what was spent
    /// stays too: an account is not known by its rule's condition.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::Ruleset;
    /// use timebudget::{Condition, Method};
    ///
    /// let posts = Condition::Method(Method::new("POST").into_iter().collect());
    /// let rules = r#"[{ "name": "each", "limits": "60s per hour" }]"#;
    /// let narrowed = Ruleset::parse("plans", rules)?.narrowed(&posts);
    /// assert_eq!(narrowed.rules()[0].when, posts);
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    #[must_use]
    pub fn narrowed(mut self, to: &Condition) -> Self {
        for rule in &mut Arc::make_mut(&mut self.0).rules {
            rule.when = match rule.when.is_always() {
                true => to.clone(),
                false => Condition::All(vec![to.clone(), rule.when.clone()]),
            };
        }
        self
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// What could be read but may not be meant.
    pub fn warnings(&self) -> &[Problem] {
        &self.0.warnings
    }

    /// What it says, to be shown.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.0.entry.as_ref()
    }

    /// What tells it from every other one that lives, but for its clones.
    ///
    /// An address, so that two layers of ten thousand sites are compared without a look into their rules.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The same, in the place of a file.
    pub(crate) fn file(&self) -> &Arc<str> {
        &self.0.name
    }
}

/// For which hosts of a site rules are: see [`Site::unpublished_hosts`](crate::Site::unpublished_hosts).
///
/// # Examples
///
/// ```
/// use timebudget::config::{Configuration, Hosts, Layer, Options, Ruleset};
///
/// let rules = |name| Ruleset::parse(name, &format!(r#"[{{ "name": "{name}", "limits": "60s per hour" }}]"#));
/// let layer = Layer::new("database")
///     .with_rules_on(Hosts::Published, [rules("plans")?])
///     .with_rules_on(Hosts::Unpublished, [rules("previews")?]);
///
/// let file = r#"{ "rate_limit_unpublished_hosts": ["*.preview.example"] }"#;
/// let read = Configuration::from_text(file, &Options::default().with_layer(layer))?;
/// let rules: Vec<_> = read.loaded.fallback.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.when)).collect();
/// assert_eq!(rules, [r#"plans: not (host "*.preview.example")"#, r#"previews: host "*.preview.example""#]);
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hosts {
    /// Those that are published and those that are not.
    All,
    /// Those that `rate_limit_unpublished_hosts` does not name: of a site that names none, all.
    Published,
    /// Those that it names.
    Unpublished,
}

/// The rulesets of a site's hosts; where there are none said, it has those for all sites.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Assigned {
    pub(crate) published: Option<Arc<[Ruleset]>>,
    pub(crate) unpublished: Option<Arc<[Ruleset]>>,
}

impl Assigned {
    pub(crate) fn set(&mut self, hosts: Hosts, rulesets: Option<Arc<[Ruleset]>>) {
        if hosts != Hosts::Unpublished {
            self.published.clone_from(&rulesets);
        }
        if hosts != Hosts::Published {
            self.unpublished = rulesets;
        }
    }
}

/// What is read of a text that is one value of JSON; the place is that of the value.
pub(crate) fn whole<T>(
    text: &str,
    place: &str,
    page: &Page<'_>,
    read: impl FnOnce(&Value<'_>) -> Option<T>,
) -> Option<T> {
    let document = Document::new(text);
    let json = match document.whole().map(Json::read) {
        Ok(Ok(json)) => json,
        Ok(Err(unreadable)) => {
            page.wrong(place, None, unreadable);
            return None;
        }
        Err(fault) => {
            page.wrong_file(fault);
            return None;
        }
    };
    read(&Value::top(page.clone(), place, &json))
}
