//! Conditions on hosts that nothing is called by, which no request fulfils.

use crate::model::condition::Condition;
use crate::model::host::Host;
use crate::model::mistake::{Finding, Mistake};
use crate::model::site::Site;
use crate::model::text::Text;

/// What is suspect about a condition on a host that no configured one is.
pub(crate) const NO_SUCH_HOST: &str =
    "no configured host is such a one; expected the name of a site, or one of rate_limit_hosts";

impl Site {
    /// The names that the site's requests may have for their host.
    pub(crate) fn names_of_hosts(&self) -> Vec<&str> {
        self.hosts.iter().map(Host::as_str).chain([self.name.as_str()]).collect()
    }

    /// The rules that ask for a host in vain, where the site is the only one.
    pub(crate) fn check_hosts(&self) -> Vec<Finding> {
        let names = self.names_of_hosts();
        let in_vain = self.rules.iter().filter(|rule| asks_in_vain(&rule.when, &names));
        in_vain.map(|rule| Finding::of_rule(&rule.name, Mistake::suspect(NO_SUCH_HOST))).collect()
    }
}

/// Whether a part of the condition wants a host that none of the names is.
pub(crate) fn asks_in_vain(condition: &Condition, names: &[&str]) -> bool {
    match condition {
        Condition::Host(text) => !is_met(text, names),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| asks_in_vain(part, names)),
        Condition::Not(part) => asks_in_vain(part, names),
        _ => false,
    }
}

/// Whether a text matches one of the names; of a list, each has to.
fn is_met(text: &Text, names: &[&str]) -> bool {
    match text {
        Text::AnyOf(texts) => texts.iter().all(|text| is_met(text, names)),
        text => names.iter().any(|name| text.matches(name)),
    }
}
