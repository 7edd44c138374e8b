//! What is wrong with a site as a whole: names that must be known, and clients that somebody must tell.

use crate::model::client::{Host, Need};
use crate::model::condition::{Condition, Text, is_certain};
use crate::model::rule::check::{EXEMPTS_ALL, check_rules, namesakes};
use crate::model::rule::rule::Rule;
use crate::model::rule::site::Site;
use crate::model::said::{Finding, Mistake, no_such};

/// What proxies tell is believed of trusted ones alone.
pub(crate) const UNTRUSTED: &str =
    "believed of trusted proxies only, of which there are none; expected rate_limit_trusted_proxies";
/// A budget without a rule.
pub(crate) const NO_RULE: &str = "there is no rule; nothing is limited";

impl Site {
    /// All that is wrong with the site and its rules, or suspect about them.
    ///
    /// `told_by_code` says whether the application's own code tells who clients are, as
    /// [`TimeBudget::identify`](crate::TimeBudget::identify) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Rule};
    /// use timebudget::{Site, parse_rates};
    /// let each = Rule::new("each", Component::User, parse_rates("5 per minute")?);
    /// let site = Site { rules: vec![each], ..Site::unlimited("shop") };
    /// let [finding] = &site.check(false)[..] else { panic!("nobody tells who clients are") };
    /// assert!(finding.to_string().starts_with("the rule each: nobody tells who clients are; expected "));
    /// assert!(site.check(true).is_empty());
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub fn check(&self, told_by_code: bool) -> Vec<Finding> {
        let of_rule = |at: usize, mistake| Finding::of_rule(&self.rules[at].name, mistake);
        let mut found: Vec<_> =
            check_rules(&self.rules).into_iter().map(|(at, mistake)| of_rule(at, mistake)).collect();
        let same_name = || Mistake::wrong("an earlier rule has this name; expected another");
        found.extend(namesakes(&self.rules).map(|(_, at)| of_rule(at, same_name())));
        if let Some(exempt) = &self.exempt {
            found.extend(exempt.mistakes().into_iter().map(Finding::of_site));
            found.extend(is_certain(exempt).then(|| Finding::of_site(Mistake::suspect(EXEMPTS_ALL))));
        }
        found.extend(self.addresses.mistakes().into_iter().map(Finding::of_site));
        found.extend(self.check_trust());
        found.extend(self.check_needs(told_by_code));
        found.extend(self.check_tiers());
        found
    }

    /// Headers that nobody may be believed in.
    fn check_trust(&self) -> Vec<Finding> {
        if self.addresses.trusts_somebody() {
            return Vec::new();
        }
        let identity = self.clients.identity.as_ref().map(|headers| &headers.user);
        let headers = identity.into_iter().chain(self.clients.location_headers().map(|(_, name)| name));
        headers.map(|name| Finding::of_site(Mistake::wrong(UNTRUSTED).of_text(name))).collect()
    }

    /// Rules of which tiers and overrides say something, and which there are not.
    pub(crate) fn check_terms(&self) -> Vec<Finding> {
        let of_tiers = self.tiers.tiers().iter().flat_map(|tier| tier.limits.keys());
        let of_overrides = self.tiers.overrides().iter().filter_map(|over| over.rule.as_ref());
        let names = || self.rules.iter().map(|rule| rule.name.as_str());
        let unknown =
            of_tiers.chain(of_overrides).filter(|name| !names().any(|known| known == name.as_str()));
        let fault = |name: &String| Mistake::suspect(no_such("rule", name, names())).of_text(name);
        unknown.map(|name| Finding::of_site(fault(name))).collect()
    }

    /// Conditions on tiers that there are not.
    fn check_tiers(&self) -> Vec<Finding> {
        let names = || self.tiers.tiers().iter().map(|tier| tier.name.as_str());
        let asked = self.rules.iter().flat_map(|rule| {
            let conditions = [Some(&rule.when), rule.exempt_when.as_ref()].into_iter().flatten();
            conditions.flat_map(tiers_of).map(|tier| (&rule.name, tier))
        });
        let unknown = asked.filter(|(_, tier)| self.tiers.position(tier).is_none());
        unknown
            .map(|(rule, tier)| {
                Finding::of_rule(rule, Mistake::wrong(no_such("tier", tier, names())).of_text(tier))
            })
            .collect()
    }

    /// What rules and exemptions need to know of clients, and nobody tells.
    pub(crate) fn check_needs(&self, told_by_code: bool) -> Vec<Finding> {
        let told = |need: &Need| self.is_told(*need, told_by_code);
        let fault = |need: Need| Mistake::wrong(need.untold_in_code());
        let of_rule = |rule: &Rule| {
            let need = rule.needs().into_iter().find(|need| !told(need))?;
            Some(Finding::of_rule(&rule.name, fault(need)))
        };
        let exempt = self.exempt.iter().flat_map(Condition::needs).find(|need| !told(need));
        self.rules
            .iter()
            .filter_map(of_rule)
            .chain(exempt.map(|need| Finding::of_site(fault(need))))
            .collect()
    }

    /// Whether somebody tells what is needed.
    pub(crate) fn is_told(&self, need: Need, told_by_code: bool) -> bool {
        let Self { clients, tiers, .. } = self;
        let has_keys = !tiers.api_keys.is_empty();
        let groups = clients.identity.as_ref().is_some_and(|headers| headers.groups.is_some());
        match need {
            Need::User | Need::Tier => told_by_code || clients.identity.is_some() || has_keys,
            Need::Groups => told_by_code || groups,
            Need::ApiKeys => has_keys,
            Need::Country => clients.country.is_some(),
            Need::Region => clients.region_source().is_some(),
        }
    }
}

impl Need {
    /// What is wrong where nobody tells it, and the keys of a site file that would.
    pub(crate) const fn untold(self) -> &'static str {
        match self {
            Self::User | Self::Tier => {
                "nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"
            }
            Self::Groups => {
                "nobody tells which groups clients are in; expected rate_limit_identity with groups"
            }
            Self::ApiKeys => "no API key is known; expected rate_limit_api_keys",
            Self::Country => "nobody tells where clients are; expected rate_limit_country",
            Self::Region => {
                "nobody tells in which regions clients are; expected rate_limit_region, or a database of cities"
            }
        }
    }

    /// The same to whoever writes code.
    fn untold_in_code(self) -> String {
        match self {
            Self::User | Self::Tier | Self::Groups => {
                self.untold().replacen("expected", "expected identify, or", 1)
            }
            Self::ApiKeys | Self::Country | Self::Region => self.untold().to_owned(),
        }
    }
}

/// The names of tiers that a condition asks for to the letter.
pub(crate) fn tiers_of(condition: &Condition) -> Vec<&String> {
    match condition {
        Condition::Tier(text) => equal_texts(text),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(tiers_of).collect(),
        Condition::Not(part) => tiers_of(part),
        _ => Vec::new(),
    }
}

fn equal_texts(text: &Text) -> Vec<&String> {
    match text {
        Text::Equal(name) => vec![name],
        Text::AnyOf(texts) => texts.iter().flat_map(equal_texts).collect(),
        _ => Vec::new(),
    }
}

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
