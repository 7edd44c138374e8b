//! What is wrong with a rule: asked by the site file's loader and by the builders in Rust alike.

use std::borrow::Cow;

use crate::model::account::{Limit, RateFault};
use crate::model::condition::{Condition, Paths, Text, is_certain, is_contradiction, is_token};
use crate::model::rule::charge_when::{ChargeWhen, StatusSet, Statuses};
use crate::model::rule::key::{Component, KeySpec, Missing};
use crate::model::rule::rule::{Action, Block, Cost, Counts, Hold, Overrun, Rule};
use crate::model::said::Mistake;
use crate::model::time::{Micros, Unit};

/// What a rule's name may be.
pub(crate) const NAME: &str = "1 to 64 letters, digits, and - _ . between them";
/// What a rule's cost may be.
pub(crate) const COST: &str = "whole requests from 0 to 9007199254740992";
/// What a condition by which every request is exempt leaves to do.
pub(crate) const EXEMPTS_ALL: &str = "every request is exempt; nothing is limited";
/// Limits of which the smaller one makes the other pointless.
pub(crate) const ONE_ACCOUNT: &str = "several limits of one unit and period; the smallest holds";

impl Rule {
    /// All that is wrong with the rule by itself, or suspect about it.
    ///
    /// What it takes others to tell is asked of [a site](crate::model::rule::site::Site::check).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Cost, Rule};
    /// use timebudget::parse_rates;
    /// let rule = Rule { cost: Cost::Fixed(10), ..Rule::new("reports", Component::Ip, parse_rates("5 per minute")?) };
    /// let [mistake] = &rule.check()[..] else { panic!("it is too dear, and nothing else") };
    /// assert!(!mistake.is_wrong());
    /// assert!(mistake.fault().ends_with("for a request costs 10, and a window grants 5"));
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub fn check(&self) -> Vec<Mistake> {
        let mut found = self.check_fields();
        found.extend(self.check_together());
        found
    }

    /// What is wrong with its fields, each by itself. A file's reader asks the same of each field where that stands.
    fn check_fields(&self) -> Vec<Mistake> {
        let mut found: Vec<_> = Self::name_mistake(&self.name).into_iter().collect();
        found.extend(self.key.mistakes());
        found.extend(self.missing_mistake());
        found.extend(self.fair.iter().flat_map(KeySpec::mistakes));
        found.extend(self.when.mistakes());
        found.extend(self.exempt_when.iter().flat_map(Condition::mistakes));
        if let Some(ChargeWhen::Statuses(statuses)) = &self.charge_when {
            found.extend(statuses.mistakes());
        }
        found.extend(self.action.mistakes());
        found
    }

    /// What is wrong with its fields beside each other, or suspect about them.
    pub(crate) fn check_together(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        found.extend(self.key.can_be_rotated().then(|| Mistake::suspect(ROTATES)));
        self.check_limits(&mut found);
        found.extend(self.check_cost());
        self.check_fairness(&mut found);
        let exempts_all = self.exempt_when.as_ref().is_some_and(is_certain);
        found.extend(exempts_all.then(|| Mistake::suspect(EXEMPTS_ALL)));
        found
    }

    /// What is wrong with a rule's name.
    pub(crate) fn name_mistake(name: &str) -> Option<Mistake> {
        let fault = || Mistake::wrong(format!("not a name; expected {NAME}")).with_text(name);
        (!Self::can_be_named(name)).then(fault)
    }

    fn missing_mistake(&self) -> Option<Mistake> {
        match &self.missing {
            Missing::Use(component) => component.mistake(),
            Missing::Skip => None,
        }
    }

    fn check_limits(&self, found: &mut Vec<Mistake>) {
        if self.limits.is_empty() && self.limits_by.is_none() {
            found.push(Mistake::wrong("no limits; expected a rate string such as \"10 per hour\""));
        }
        let is_too_much = |limit: &&Limit| limit.quota() > Micros::MAX_QUOTA.0;
        let too_much = self.limits.iter().filter(is_too_much);
        found.extend(too_much.map(|limit| Mistake::wrong(RateFault::TooMuch.to_string()).with(limit)));
        if let Hold::Fixed(span) = self.hold
            && span > Micros::MAX_QUOTA
        {
            found.push(Mistake::wrong(HOLDS_TOO_MUCH).with(format_args!("a hold of {span}")));
        }
        // What is refused takes no time and has no place, so that only requests can be counted of it.
        if self.counts == Counts::Refusals && !self.limits.iter().all(Limit::counts_requests) {
            found.push(Mistake::wrong("counts refusals, which take no time; expected limits of requests"));
        }
        let holds = self.hold != Hold::Auto;
        if holds && !self.may_have(|limit| limit.unit() == Unit::Time) {
            found.push(Mistake::suspect("has a hold, and no limit of time that it could be held of"));
        }
        if self.overrun == Overrun::Cut && !self.may_have(|limit| limit.unit() == Unit::Time) {
            found.push(Mistake::suspect("cuts what runs when its time is spent, and has no limit of time"));
        }
    }

    /// Whether it has such a limit, or code may give it one.
    fn may_have(&self, is_such: impl Fn(&Limit) -> bool) -> bool {
        self.limits_by.is_some() || self.limits.iter().any(is_such)
    }

    fn check_cost(&self) -> Option<Mistake> {
        match self.cost {
            Cost::Fixed(cost) if cost > Cost::MOST => {
                return Some(Mistake::wrong(format!("too large; expected {COST}")).with(cost));
            }
            Cost::Fixed(1) => return None,
            _ => {}
        }
        if !self.may_have(Limit::counts_requests) {
            let fault = "has a cost in requests, and no limit counts them; time costs what a request takes";
            return Some(Mistake::suspect(fault));
        }
        let (cost, granted) = self.too_dear()?;
        let fault = format!(
            "refuses whatever it applies to, for a request costs {cost}, and a window grants {granted}"
        );
        Some(Mistake::suspect(fault))
    }

    /// The cost of a request and the limit that can never pay for it; who means to refuse everything grants nothing.
    fn too_dear(&self) -> Option<(u64, u64)> {
        let Cost::Fixed(cost) = self.cost else { return None };
        let requests = self.limits.iter().filter(|limit| limit.counts_requests());
        let granted = requests.map(Limit::quota).find(|granted| (1..cost).contains(granted))?;
        (self.counts != Counts::Refusals).then_some((cost, granted))
    }

    /// A fair rule shares something out among those whom it serves.
    fn check_fairness(&self, found: &mut Vec<Mistake>) {
        let Some(fair) = &self.fair else { return };
        if self.counts == Counts::Refusals {
            found.push(Mistake::wrong("fair, and counts refusals; expected one of them"));
        }
        if !self.may_have(|limit| limit.period().is_some()) {
            found.push(Mistake::wrong(
                "fair, but no limit has a window to share out; expected a limit per period",
            ));
        }
        if fair.0.iter().all(|component| self.key.0.contains(component)) {
            found.push(Mistake::suspect("fair among clients each of whom has an account of its own"));
        }
    }
}

const ROTATES: &str = "clients choose what tells their accounts apart, and so can change them at will";
/// The same of a path, where it is an upstream's to say which paths there are.
pub(crate) const ROTATES_BY_PATH: &str =
    "any path is one to an upstream, and so clients can change their accounts at will";

/// The same of a part, beside what tells who a client is.
pub(crate) const MULTIPLIES: &str = "clients choose a part of what tells their accounts apart, and so each can have as \
                                     many as it likes; expected a rule beside it whose key is without that part";

/// A hold that no quota is as large as.
const HOLDS_TOO_MUCH: &str = "too much; expected at most 9007199254.740992s";

/// The key of a rule that says none: time, and what may run at once, is the site's; requests are counted for each client
/// address.
///
/// # Errors
///
/// Limits of both kinds, whose keys would differ.
pub(crate) fn default_key(limits: &[Limit]) -> Result<KeySpec, Mistake> {
    match limits.iter().filter(|limit| limit.counts_requests()).count() {
        0 => Ok(Component::Site.into()),
        requests if requests == limits.len() => Ok(Component::Ip.into()),
        _ => Err(Mistake::wrong(
            "limits of requests beside others, whose keys would differ; expected a key, or two rules",
        )),
    }
}

impl Action {
    fn mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Block(block) => block.mistakes(),
            Self::Rewrite(path) => Self::target_mistake(path).into_iter().collect(),
        }
    }

    /// What is wrong with a path that requests are rewritten to.
    pub(crate) fn target_mistake(path: &str) -> Option<Mistake> {
        let fault = || Mistake::wrong(format!("no such path; expected {TARGET}")).with_text(path);
        (!Self::can_rewrite_to(path)).then(fault)
    }
}

/// What requests can be rewritten to.
pub(crate) const TARGET: &str = "a path that begins with /, as it is written in a URL, without a query";

/// What a component of a key may be.
pub(crate) const COMPONENT: &str = "site, ip, host, user, api_key, tier, groups, country, region, method, path, route, header:NAME, cookie:NAME or query:NAME";
/// What stands twice in a key.
pub(crate) const TWICE_IN_KEY: &str = "stands more than once; expected each component once";
/// What a path may be.
pub(crate) const PATH: &str = "a path that begins with /";
/// What a method may be.
pub(crate) const METHOD: &str = "a method such as \"GET\", or a list of them";
/// What statuses may be.
pub(crate) const STATUSES: &str = "a status, a class such as \"4xx\", or a list of them";
/// What the status of a refusal may be.
pub(crate) const STATUS: &str = "a status from 400 to 599";
/// What the type of a body may be.
pub(crate) const CONTENT_TYPE: &str = "a media type such as \"application/json\"";
/// A glob that no path matches.
const GLOB_OF_NO_PATH: &str = "matches not a path; expected a pattern that begins with / or **";
/// A path that no request has: the query is no part of it.
const QUERY_IN_PATH: &str = "has a query, which is no part of a path; expected the path alone";
/// A path that reads like a pattern.
const PATTERN_AS_PATH: &str =
    "taken to the letter, wildcards and all; expected a glob such as \"/users/*/photo\" if they are meant";
/// What the name of a header may be.
const FIELD_NAME: &str = "a name such as \"User-Agent\"";
/// A glob that is longer than globs may be.
pub(crate) const GLOB_TOO_LONG: &str = "too long; expected at most 127 characters";
/// What a regular expression may be.
pub(crate) const PATTERN: &str = "a regular expression such as \"^/v[0-9]+/\"";
/// A body's type, and no body.
const TYPE_OF_NOTHING: &str = "a content_type without a body; expected both or none";
/// A message that nobody would read.
const MESSAGE_UNSHOWN: &str = "a message beside a body that does not show it; expected one of them";

impl KeySpec {
    /// What is wrong with the key.
    fn mistakes(&self) -> Vec<Mistake> {
        if self.0.is_empty() {
            return vec![empty_list(COMPONENT)];
        }
        let twice = self.twice().map(|at| Mistake::wrong(TWICE_IN_KEY).with_text(&self.0[at].to_string()));
        self.0.iter().filter_map(Component::mistake).chain(twice).collect()
    }

    /// The position of a component that stands before, too.
    pub(crate) fn twice(&self) -> Option<usize> {
        (1..self.0.len()).find(|at| self.0[..*at].contains(&self.0[*at]))
    }
}

impl Component {
    /// What is wrong with the component.
    pub(crate) fn mistake(&self) -> Option<Mistake> {
        let is_named = match self {
            Self::Header(name) => is_token(name),
            Self::Cookie(name) | Self::Query(name) => !name.is_empty(),
            _ => true,
        };
        let fault = || Mistake::wrong(format!("no such component; expected {COMPONENT}"));
        (!is_named).then(|| fault().with_text(&self.to_string()))
    }
}

impl Condition {
    /// What is wrong with the condition.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Path(text) => text.path_mistakes(),
            Self::Method(methods) if methods.is_empty() => vec![empty_list(METHOD)],
            Self::Ip(networks) if networks.is_empty() => {
                vec![empty_list("a list of addresses and ranges such as \"10.0.0.0/8\"")]
            }
            Self::Header(name, _) => Self::header_mistake(name).into_iter().collect(),
            Self::Any(parts) if parts.is_empty() => vec![empty_list("a list of conditions")],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::mistakes).collect(),
            Self::Not(part) => part.mistakes(),
            _ => Vec::new(),
        }
    }

    /// What is wrong with the name of a header that a condition asks for.
    pub(crate) fn header_mistake(name: &str) -> Option<Mistake> {
        let fault =
            || Mistake::wrong(format!("not the name of a header; expected {FIELD_NAME}")).with_text(name);
        (!is_token(name)).then(fault)
    }
}

impl Text {
    /// What is wrong with the text as one of paths.
    pub(crate) fn path_mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Equal(path) | Self::Below(path) | Self::Prefix(path) if !is_path(path) => {
                vec![Mistake::wrong(format!("not a path; expected {PATH}")).with_text(path)]
            }
            Self::Equal(path) | Self::Below(path) | Self::Prefix(path) => {
                unlikely(path).into_iter().collect()
            }
            Self::Glob(glob) if !can_match_paths(&glob.to_string()) => {
                vec![Mistake::wrong(GLOB_OF_NO_PATH).with_text(&glob.to_string())]
            }
            Self::AnyOf(texts) if texts.is_empty() => vec![empty_list(PATH)],
            Self::AnyOf(texts) => texts.iter().flat_map(Self::path_mistakes).collect(),
            _ => Vec::new(),
        }
    }
}

/// What is suspect about a path that is meant to the letter.
fn unlikely(path: &str) -> Option<Mistake> {
    let has_query = path.contains('?').then_some(QUERY_IN_PATH);
    let fault = has_query.or(path.contains(['*', '{']).then_some(PATTERN_AS_PATH))?;
    Some(Mistake::suspect(fault).with_text(path))
}

/// Whether a text can be a path.
fn is_path(text: &str) -> bool {
    text.starts_with('/')
}

/// Whether a glob can match a path: those begin with a slash, which neither `*` nor `?` stands for.
fn can_match_paths(glob: &str) -> bool {
    glob.starts_with('/') || glob.starts_with("**")
}

impl Statuses {
    /// What is wrong with the statuses.
    fn mistakes(&self) -> Vec<Mistake> {
        match self.0.is_empty() {
            true => vec![empty_list(STATUSES)],
            false => self.0.iter().filter_map(StatusSet::mistake).collect(),
        }
    }
}

impl StatusSet {
    /// What is wrong where there are no such statuses.
    pub(crate) fn mistake(&self) -> Option<Mistake> {
        let is_possible = match self {
            Self::Class(class) => (1..=5).contains(class),
            Self::Code(code) => (100..=599).contains(code),
        };
        (!is_possible).then(|| Self::no_status().with(self))
    }

    /// What is wrong with a value that stands for no statuses at all.
    pub(crate) fn no_status() -> Mistake {
        Mistake::wrong(format!("not a status; expected {STATUSES}"))
    }
}

impl Block {
    /// What is wrong with the answer.
    fn mistakes(&self) -> Vec<Mistake> {
        let of_status = self.status.and_then(|status| Self::status_mistake(status.into()));
        let of_type = self.content_type.as_deref().and_then(Self::type_mistake);
        of_status.into_iter().chain(self.mistake_together()).chain(of_type).collect()
    }

    /// What is wrong with its fields beside each other.
    pub(crate) fn mistake_together(&self) -> Option<Mistake> {
        match (&self.message, &self.body, &self.content_type) {
            (_, None, Some(_)) => Some(Mistake::wrong(TYPE_OF_NOTHING)),
            (Some(_), Some(_), _) => Some(Mistake::wrong(MESSAGE_UNSHOWN)),
            _ => None,
        }
    }

    /// What is wrong with the status of a refusal.
    pub(crate) fn status_mistake(status: u64) -> Option<Mistake> {
        let fault = || Mistake::wrong(format!("not a status of a refusal; expected {STATUS}")).with(status);
        (!(400..=599).contains(&status)).then(fault)
    }

    /// What is wrong with the type of its body.
    pub(crate) fn type_mistake(media: &str) -> Option<Mistake> {
        let is_type = media.contains('/') && media.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (!is_type)
            .then(|| Mistake::wrong(format!("not a media type; expected {CONTENT_TYPE}")).with_text(media))
    }
}

fn empty_list(expected: &str) -> Mistake {
    Mistake::wrong(format!("an empty list; expected {expected}"))
}

/// What is wrong with the rules of one site, each by its position: by itself, and beside the others.
pub(crate) fn check_rules(rules: &[Rule], paths: Paths) -> Vec<(usize, Mistake)> {
    let alone =
        rules.iter().enumerate().flat_map(|(at, rule)| rule.check().into_iter().map(move |one| (at, one)));
    alone.chain(out_of_reach(rules, paths)).collect()
}

/// The first rule of each name that stands twice, with the others. A name is part of an account, so two rules of one
/// name would spend each other's quota.
pub(crate) fn namesakes(rules: &[Rule]) -> impl Iterator<Item = (usize, usize)> {
    rules.iter().enumerate().filter_map(|(at, rule)| {
        let first = rules[..at].iter().position(|other| other.name == rule.name)?;
        Some((first, at))
    })
}

/// Warnings of rules that never apply, or never have a say, where these paths are one.
pub(crate) fn out_of_reach(rules: &[Rule], paths: Paths) -> impl Iterator<Item = (usize, Mistake)> {
    out_of_reach_where(rules, move |when| is_contradiction(&as_seen(when, paths)))
}

/// Those of them that are one whichever paths are one, which the file with the rules need not say.
pub(crate) fn out_of_any_reach(rules: &[Rule]) -> impl Iterator<Item = (usize, Mistake)> {
    let every_way = [Paths::Normal, Paths::AnyCase];
    out_of_reach_where(rules, move |when| {
        every_way.into_iter().all(|paths| is_contradiction(&as_seen(when, paths)))
    })
}

/// A condition as it is compared to paths. To contradict itself it need not have its slashes merged.
pub(crate) fn as_seen(when: &Condition, paths: Paths) -> Cow<'_, Condition> {
    if paths.ignores_case() { when.in_form(paths) } else { Cow::Borrowed(when) }
}

fn out_of_reach_where(
    rules: &[Rule],
    is_contradiction: impl Fn(&Condition) -> bool,
) -> impl Iterator<Item = (usize, Mistake)> {
    let reigning = rules.iter().find(|rule| reigns(rule));
    let closing = rules.iter().position(closes);
    rules.iter().enumerate().filter_map(move |(at, rule)| {
        let reason = if is_contradiction(&rule.when) {
            "never applies, for no request fulfils its condition".to_owned()
        } else if let Some(reigning) = reigning.filter(|_| rule.otherwise) {
            format!("never applies, for the rule {} always does", reigning.name)
        } else {
            let closing = closing.filter(|closing| *closing < at && rule.counts == Counts::Served)?;
            format!("never counts a request, for the rule {} refuses all", rules[closing].name)
        };
        Some((at, Mistake::suspect(reason)))
    })
}

/// Whether it applies to every request, so that rules which apply otherwise never do.
fn reigns(rule: &Rule) -> bool {
    rule.displaces && !rule.otherwise && is_in_force(rule)
}

/// Whether it refuses every request.
fn closes(rule: &Rule) -> bool {
    let is_closed = rule.limits_by.is_none() && rule.exempt_when.is_none();
    !rule.otherwise && is_closed && is_in_force(rule) && rule.limits.iter().any(|limit| limit.quota() == 0)
}

fn is_in_force(rule: &Rule) -> bool {
    rule.when.is_always() && !rule.shadow && rule.counts != Counts::Refusals && rule.missing != Missing::Skip
}
