//! What is wrong with a site as a whole: names that must be known, and clients that somebody must tell.

use std::collections::HashMap;

use crate::model::account::Limit;
use crate::model::client::{Need, Proxy};
use crate::model::condition::{Condition, Paths, Text, is_certain};
use crate::model::rule::check::{EXEMPTS_ALL, MULTIPLIES, ROTATES_BY_PATH, as_seen, check_rules, namesakes};
use crate::model::rule::rule::{Counts, Rule};
use crate::model::rule::site::Site;
use crate::model::rule::tiers::Tiers;
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
        let mut found: Vec<_> = check_rules(&self.rules, self.paths)
            .into_iter()
            .map(|(at, mistake)| of_rule(at, mistake))
            .collect();
        let same_name = || Mistake::wrong("an earlier rule has this name; expected another");
        found.extend(namesakes(&self.rules).map(|(_, at)| of_rule(at, same_name())));
        if let Some(exempt) = &self.exempt {
            found.extend(exempt.mistakes().into_iter().map(Finding::of_site));
            found.extend(is_certain(exempt).then(|| Finding::of_site(Mistake::suspect(EXEMPTS_ALL))));
        }
        let proxies = &self.addresses.trusted_proxies;
        found.extend(proxies.iter().filter_map(Proxy::mistake).map(Finding::of_site));
        let references = self.check_references(told_by_code, Need::untold_in_code);
        // Who tells clients apart is asked of rules; that a table of users is idle without it says the same again.
        let references = references.into_iter().filter(|(about, _)| !matches!(about, About::Table(_)));
        found.extend(references.map(|(about, mistake)| self.finding(&about, mistake)));
        found
    }

    /// What a part of the site needs and the others do not provide: trusted proxies, knowledge of clients, tiers. `say` is the
    /// message where nobody tells what has to be known of clients.
    pub(crate) fn check_references(
        &self,
        told_by_code: bool,
        say: fn(Need) -> String,
    ) -> Vec<(About<'_>, Mistake)> {
        self.check_references_by(&self.tiers, told_by_code, say)
    }

    /// The same; of tiers that others have laid below its own, only what its own name is asked.
    pub(crate) fn check_references_by<'a>(
        &'a self,
        own: &'a Tiers,
        told_by_code: bool,
        say: fn(Need) -> String,
    ) -> Vec<(About<'a>, Mistake)> {
        let mut found = self.untrusted();
        found.extend(self.untold(told_by_code, say));
        found.extend(self.tiers.unknown(own.named().chain(self.named_tiers())));
        found.extend(self.rotating());
        found.extend(self.multiplying());
        found
    }

    /// Rules whose accounts clients can change by the path, where an upstream says which paths there are.
    fn rotating(&self) -> impl Iterator<Item = (About<'_>, Mistake)> {
        let rotates = |rule: &Rule| {
            rule.key.can_be_rotated_by_path() && !rule.key.can_be_rotated() && !is_of_few_paths(&rule.when)
        };
        let rules = self.rules.iter().enumerate().filter(move |(_, rule)| rotates(rule));
        let rules = rules.filter(|_| !self.upstreams.is_empty());
        rules.map(|(at, _)| (About::Rule(at), Mistake::suspect(ROTATES_BY_PATH)))
    }

    /// Rules of which a client has as many accounts as it likes, by a part of the key that it chooses, and no other rule bounds
    /// what it has of all of them.
    fn multiplying(&self) -> impl Iterator<Item = (About<'_>, Mistake)> {
        let is_unbounded = |rule: &Rule| {
            rule.key.can_be_multiplied() && !self.rules.iter().any(|other| bounds(other, rule, self.paths))
        };
        let rules = self.rules.iter().enumerate().filter(move |(_, rule)| is_unbounded(rule));
        rules.map(|(at, _)| (About::Rule(at), Mistake::suspect(MULTIPLIES)))
    }

    /// What is wrong, in the words that code is told in.
    fn finding(&self, about: &About<'_>, mistake: Mistake) -> Finding {
        match about {
            About::Rule(at) | About::When(at) => Finding::of_rule(&self.rules[*at].name, mistake),
            _ => Finding::of_site(mistake),
        }
    }

    /// What code is told of names of rules that do not exist. It is only suspect, since tiers of a file may be about rules of other budgets.
    pub(crate) fn suspect_terms(&self) -> Vec<Finding> {
        let found = self.tiers.check_terms(&KnownRules::new(&self.rules), &[]);
        found.into_iter().map(|(about, mistake)| self.finding(&about, mistake.doubtful())).collect()
    }

    /// What rules and exemptions need to know of clients, and nobody tells.
    pub(crate) fn check_needs(&self, told_by_code: bool) -> Vec<Finding> {
        let untold = self.untold(told_by_code, Need::untold_in_code).into_iter();
        let untold = untold.filter(|(about, _)| !matches!(about, About::Table(_)));
        untold.map(|(about, mistake)| self.finding(&about, mistake)).collect()
    }

    /// Whom it is not clear that they are believed, and headers that nobody may be believed in.
    fn untrusted(&self) -> Vec<(About<'_>, Mistake)> {
        if self.addresses.trusts_somebody() {
            let both = self.addresses.contradiction();
            return both.into_iter().map(|mistake| (About::TrustedHops, mistake)).collect();
        }
        let identity = self.clients.identity.as_ref().map(|headers| ("rate_limit_identity", &headers.user));
        let headers = identity.into_iter().chain(self.clients.location_headers());
        headers.map(|(key, name)| (About::Key(key), Mistake::wrong(UNTRUSTED).with_text(name))).collect()
    }

    /// What has to be known of clients and is not; of each, the first.
    fn untold(&self, told_by_code: bool, say: fn(Need) -> String) -> Vec<(About<'_>, Mistake)> {
        let untold = |need| (!self.is_told(need, told_by_code)).then(|| Mistake::wrong(say(need)));
        let needs = self.needs().into_iter();
        needs.filter_map(|(about, needs)| Some((about, needs.into_iter().find_map(untold)?))).collect()
    }

    /// What has to be known of clients, and for what.
    fn needs(&self) -> Vec<(About<'_>, Vec<Need>)> {
        let rules = self.rules.iter().enumerate().map(|(at, rule)| (About::Rule(at), rule.needs()));
        let exempt = self.exempt.iter().map(|exempt| (About::Exempt, exempt.needs()));
        let tables = self.tiers.filled_tables().map(|key| {
            let need = match key {
                TIERS => Need::Tier,
                GROUPS => Need::Groups,
                _ => Need::User,
            };
            (About::Table(key), vec![need])
        });
        rules.chain(exempt).chain(tables).collect()
    }

    /// The tiers that rules and the exemption name.
    fn named_tiers(&self) -> impl Iterator<Item = (About<'_>, &String)> {
        let rules = self.rules.iter().enumerate().flat_map(|(at, rule)| {
            let conditions = [Some(&rule.when), rule.exempt_when.as_ref()].into_iter().flatten();
            conditions.flat_map(tiers_of).map(move |tier| (About::When(at), tier))
        });
        rules.chain(self.exempt.iter().flat_map(tiers_of).map(|tier| (About::Exempt, tier)))
    }

    /// Whether somebody tells what is needed.
    fn is_told(&self, need: Need, told_by_code: bool) -> bool {
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
    const fn untold(self) -> &'static str {
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

    /// The same to whoever writes a site file.
    pub(crate) fn untold_in_files(self) -> String {
        self.untold().to_owned()
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

/// What of a site a mistake is about, so that each who has written it can be told where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About<'a> {
    /// A header that proxies write, by its key in a site file.
    Key(&'static str),
    /// How many hops are trusted.
    TrustedHops,
    /// The rule at this position.
    Rule(usize),
    /// The condition of the rule at this position.
    When(usize),
    /// The exemption.
    Exempt,
    /// All tiers, groups, users or overrides, by their key in a site file.
    Table(&'static str),
    /// The tier of a group.
    Group(&'a str),
    /// The tier of a user.
    User(&'a str),
    /// The tier of an API key.
    ApiKey(&'a str),
    /// The limits of a tier for a rule.
    LimitsOfTier(&'a str, &'a str),
    /// The rule of the override at this position.
    RuleOfOverride(usize),
}

/// What the tables of clients are called in a site file, but for API keys, which need nobody to tell who clients are.
const TIERS: &str = "rate_limit_tiers";
const GROUPS: &str = "rate_limit_groups";
const USERS: &str = "rate_limit_users";
const OVERRIDES: &str = "rate_limit_overrides";

/// The names of rules, each with whether a rule of this name counts refusals.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownRules(HashMap<String, bool>);

impl KnownRules {
    pub(crate) fn new<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let mut known = HashMap::new();
        for rule in rules {
            let counts_refusals = rule.counts == Counts::Refusals;
            match known.get_mut(&rule.name) {
                Some(known) => *known |= counts_refusals,
                None => drop(known.insert(rule.name.clone(), counts_refusals)),
            }
        }
        Self(known)
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        let mut names: Vec<_> = self.0.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// What is wrong with what is said of a rule; it limits more than requests if `is_timed`. Of those that code has by other
    /// names, nothing is known.
    fn mistake(&self, rule: &str, is_timed: bool, in_code: &[String]) -> Option<Mistake> {
        let is_in_code = || in_code.iter().any(|name| name == rule);
        match self.0.get(rule) {
            None if is_in_code() => None,
            None => Some(Mistake::wrong(no_such("rule", rule, self.names())).with_text(rule)),
            Some(counts_refusals) => (*counts_refusals && is_timed).then(|| {
                let fault = "this rule counts refusals, which take no time; expected limits of requests";
                Mistake::wrong(fault).with_text(rule)
            }),
        }
    }
}

impl Tiers {
    /// The tables that have something in them and need somebody who tells who clients are.
    pub(crate) fn filled_tables(&self) -> impl Iterator<Item = &'static str> {
        let [tiers, groups, users, overrides, _] = self.tables();
        let tables = [(TIERS, tiers), (GROUPS, groups), (USERS, users), (OVERRIDES, overrides)];
        tables.into_iter().filter_map(|(key, is_filled)| is_filled.then_some(key))
    }

    /// Whether such a table has something in it.
    pub(crate) fn has_table(&self, key: &str) -> bool {
        self.filled_tables().any(|filled| filled == key)
    }

    /// The tiers that groups, users and API keys are in.
    pub(crate) fn named(&self) -> impl Iterator<Item = (About<'_>, &String)> {
        let groups = self.groups.iter().map(|(name, tier)| (About::Group(name), tier));
        let users = self.users.iter().map(|(name, user)| (About::User(name), &user.tier));
        let keys =
            self.api_keys.values().filter_map(|key| Some((About::ApiKey(&key.name), key.tier.as_ref()?)));
        groups.chain(users).chain(keys)
    }

    /// Names of tiers that do not exist among those that its groups, users and API keys are in.
    pub(crate) fn check_names(&self) -> Vec<(About<'_>, Mistake)> {
        self.unknown(self.named())
    }

    /// The same of others' groups, users and API keys, but for those that stand in `above`, too.
    pub(crate) fn check_names_of<'a>(&self, others: &'a Self, above: &Self) -> Vec<(About<'a>, Mistake)> {
        let hidden: Vec<_> =
            others.api_keys.iter().filter(|(digest, _)| above.api_keys.contains_key(*digest)).collect();
        let is_hidden = |about: &About<'_>| match about {
            About::Group(name) => above.groups.contains_key(*name),
            About::User(name) => above.users.contains_key(*name),
            About::ApiKey(name) => hidden.iter().any(|(_, key)| key.name == **name),
            _ => false,
        };
        self.unknown(others.named().filter(|(about, _)| !is_hidden(about)))
    }

    /// Those of the names that are no tier's, in the order of the parts that have them.
    fn unknown<'a>(&self, named: impl Iterator<Item = (About<'a>, &'a String)>) -> Vec<(About<'a>, Mistake)> {
        let mut unknown: Vec<_> = named.filter(|(_, tier)| self.position(tier).is_none()).collect();
        unknown.sort_unstable();
        let names = || self.tiers().iter().map(|tier| tier.name.as_str());
        let fault = |tier: &String| Mistake::wrong(no_such("tier", tier, names())).with_text(tier);
        unknown.into_iter().map(|(about, tier)| (about, fault(tier))).collect()
    }

    /// What tiers and overrides say of rules that are not among these, or cannot be said of them.
    pub(crate) fn check_terms(&self, rules: &KnownRules, in_code: &[String]) -> Vec<(About<'_>, Mistake)> {
        let is_timed = |limits: &[Limit]| !limits.iter().all(Limit::counts_requests);
        let of_tiers = self.tiers().iter().flat_map(|tier| {
            tier.limits.iter().map(|(rule, limits)| (About::LimitsOfTier(&tier.name, rule), rule, limits))
        });
        let of_tiers = of_tiers.filter_map(|(about, rule, limits)| {
            Some((about, rules.mistake(rule, is_timed(limits), in_code)?))
        });
        let mut found: Vec<_> = of_tiers.collect();
        // Many overrides are about few rules.
        if self.overrides.rules().any(|(rule, is_timed)| rules.mistake(rule, is_timed, in_code).is_some()) {
            let overrides = self.overrides().enumerate();
            found.extend(overrides.filter_map(|(at, over)| {
                let mistake = rules.mistake(over.rule.as_ref()?, is_timed(&over.limits), in_code)?;
                Some((About::RuleOfOverride(at), mistake))
            }));
        }
        found
    }
}

/// The names of tiers that a condition asks for to the letter.
fn tiers_of(condition: &Condition) -> Vec<&String> {
    match condition {
        Condition::Tier(text) => equal_texts(text),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(tiers_of).collect(),
        Condition::Not(part) => tiers_of(part),
        _ => Vec::new(),
    }
}

/// Whether a rule limits all requests of another one, whatever clients choose.
fn bounds(rule: &Rule, other: &Rule, paths: Paths) -> bool {
    let is_in_force = !rule.shadow && rule.counts != Counts::Refusals && rule.exempt_when.is_none();
    let has_all = rule.when.is_always() && !rule.otherwise;
    let has_the_same =
        rule.otherwise == other.otherwise && as_seen(&rule.when, paths) == as_seen(&other.when, paths);
    is_in_force && !rule.key.has_freely_chosen() && (has_all || has_the_same)
}

/// Whether a condition names the paths that it is about.
fn is_of_few_paths(condition: &Condition) -> bool {
    match condition {
        Condition::Path(text) => names_all(text),
        Condition::All(parts) => parts.iter().any(is_of_few_paths),
        Condition::Any(parts) => parts.iter().all(is_of_few_paths),
        _ => false,
    }
}

fn names_all(text: &Text) -> bool {
    match text {
        Text::Equal(_) => true,
        Text::AnyOf(texts) => texts.iter().all(names_all),
        _ => false,
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
    /// The rules that ask for a host which the site does not have, where it is the only site.
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
