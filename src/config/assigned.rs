//! Which rulesets of a layer are for which hosts.

use std::sync::Arc;

use crate::config::ruleset::Ruleset;

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
