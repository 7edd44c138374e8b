//! Rules of a site file: the keys `rate_limit` and `rate_limit_rules`, and the limits that rules, tiers and overrides grant.
//!
//! A rule's fields are read one by one, each with its own mistakes; what is wrong with them together is asked of the model
//! ([`Rule::check_together`](crate::model::Rule)), which rules of code and of the run-time control go through as well. So all three
//! say the same of the same mistake.
//!
//! Limits are written as a rate (`"600s per hour"`), several rates in one text, an object with `limit`, `window` and `unit`, or a list
//! of these. A tighter limit of the same unit and period makes a looser one pointless, which is told as a warning.

use crate::config::condition::{condition, fair, key, missing};
use crate::config::json::Json;
use crate::config::reader::{Fields, QUOTA, Value, WINDOW, member_place, quota, whole, window};
use crate::model::wording::{CONTENT_TYPE, COST, NAME, ONE_ACCOUNT, STATUS, STATUSES, TARGET};
use crate::model::{
    Action, Block, Component, Condition, Cost, Counts, Hold, Limit, LimitSet, Missing, Mistake, Overrun,
    Rule, StatusSet, Statuses, Unit, Until, default_key, namesakes, out_of_any_reach, parse_rates,
    parse_span, quoted,
};

/// The most rules that a file has.
const MOST: usize = 10_000;

const ACTION: &str = "\"block\", {\"block\": {…}} or {\"rewrite\": \"/path\"}";
const HOLD: &str = "\"auto\", \"off\" or a time such as \"250ms\"";

/// The rules of a list, in its order.
pub(crate) fn rules(value: &Value<'_>) -> Option<Vec<Rule>> {
    if matches!(value.json(), Json::List(items) if items.len() > MOST) {
        return value.wrong(format_args!("too many; expected at most {MOST} rules"));
    }
    let rules = value.list_if_any("a list of rules", rule)?;
    let items = value.items();
    let is_unique = have_names_of_their_own(value, &items, &rules);
    for (at, mistake) in out_of_any_reach(&rules) {
        tell(&items[at], &rules[at].name, &mistake);
    }
    is_unique.then_some(rules)
}

/// One rule: `{"name": …, "limits": …}` and all that may stand beside these two.
fn rule(value: &Value<'_>) -> Option<Rule> {
    let rule = value.object(|fields| read(value, fields))?;
    let mistakes = rule.check_together();
    mistakes.iter().for_each(|mistake| tell(value, &rule.name, mistake));
    (!mistakes.iter().any(Mistake::is_wrong)).then_some(rule)
}

fn read(value: &Value<'_>, fields: &Fields<'_>) -> Option<Rule> {
    let name = fields.required("name", NAME, name);
    let when = fields.or("when", Condition::ALWAYS, condition);
    let otherwise = fields.or("otherwise", false, Value::flag);
    let displaces = fields.or("displaces", true, Value::flag);
    let own_key = fields.optional("key", key);
    let missing = fields.or("missing", Missing::Use(Component::Ip), missing);
    let limits = fields.required("limits", RATE, limits);
    let counts = fields.or("counts", Counts::Served, counts);
    let cost = fields.or("cost", Cost::Fixed(1), |value| whole(value, COST).map(Cost::Fixed));
    let charge_when = fields.optional("charge_when", charge_when);
    let until = fields.or("until", Until::Body, until);
    let per_method = fields.or("per_method", false, Value::flag);
    let fair = fields.or("fair", None, fair);
    let hold = fields.or("hold", Hold::Auto, hold);
    let overrun = fields.or("overrun", Overrun::Finish, overrun);
    let shadow = fields.or("shadow", false, Value::flag);
    let action = fields.or("action", Action::default(), action);
    let (name, limits) = (name?, limits?);
    let key = match own_key? {
        Some(own) => own,
        None => match default_key(&limits) {
            Ok(key) => key,
            Err(mistake) => return value.wrong_part(&name, mistake.fault()),
        },
    };
    Some(Rule {
        when: when?,
        otherwise: otherwise?,
        displaces: displaces?,
        missing: missing?,
        per_method: per_method?,
        counts: counts?,
        cost: cost?,
        charge_when: charge_when?.map(Into::into),
        until: until?,
        fair: fair?,
        hold: hold?,
        overrun: overrun?,
        shadow: shadow?,
        action: action?,
        ..Rule::new(name, key, limits)
    })
}

/// Reports a mistake of the rule that a value describes.
fn tell(value: &Value<'_>, name: &str, mistake: &Mistake) {
    match mistake.is_wrong() {
        true => value.wrong_part::<()>(name, mistake).unwrap_or_default(),
        false => value.suspect_part(name, mistake),
    }
}

/// The rule's name, `^[A-Za-z0-9._-]{1,64}$`: it stands in metrics, logs and refusals as it is.
fn name(value: &Value<'_>) -> Option<String> {
    let name = value.text(NAME)?;
    match RULES_OF_RATE_LIMIT.contains(&name) {
        true => value.wrong("is the name of a rule of rate_limit; expected another"),
        false => value.checked(name.to_owned(), Rule::name_mistake(name)),
    }
}

/// `"served"`, `"all"` or `"refusals"`.
fn counts(value: &Value<'_>) -> Option<Counts> {
    let words = [("served", Counts::Served), ("all", Counts::All), ("refusals", Counts::Refusals)];
    value.word(&words, "no such count; expected \"served\", \"all\" or \"refusals\"")
}

/// `"body"`, `"head"` or `"close"`.
fn until(value: &Value<'_>) -> Option<Until> {
    let words = [("body", Until::Body), ("head", Until::Head), ("close", Until::Close)];
    value.word(&words, "no such end; expected \"body\", \"head\" or \"close\"")
}

/// `"finish"` or `"cut"`.
fn overrun(value: &Value<'_>) -> Option<Overrun> {
    let words = [("finish", Overrun::Finish), ("cut", Overrun::Cut)];
    value.word(&words, "no such overrun; expected \"finish\" or \"cut\"")
}

/// `"auto"`, `"off"`, or a span of server time such as `"250ms"`.
fn hold(value: &Value<'_>) -> Option<Hold> {
    match value.text(HOLD)? {
        "auto" => Some(Hold::Auto),
        "off" => Some(Hold::Off),
        span => match parse_span(span) {
            Ok(span) => Some(Hold::Fixed(span)),
            Err(_) => value.wrong(format_args!("no such hold; expected {HOLD}")),
        },
    }
}

/// Whether no rule has the name of one before it.
fn have_names_of_their_own(list: &Value<'_>, items: &[Value<'_>], rules: &[Rule]) -> bool {
    let mut is_unique = true;
    for (first, at) in namesakes(rules) {
        is_unique = false;
        let fault = format_args!("{}[{first}] has this name; expected another", list.place());
        let place = member_place(items[at].place(), "name");
        list.page().wrong(&place, Some(quoted(&rules[at].name)), fault);
    }
    is_unique
}

/// The answers that `charge_when` says are charged.
fn charge_when(value: &Value<'_>) -> Option<Statuses> {
    value.object(|fields| fields.required("status", STATUSES, statuses))
}

/// A status, a class such as `"4xx"`, or a list of both.
fn statuses(value: &Value<'_>) -> Option<Statuses> {
    value.one_or_many(STATUSES, status_set).map(Statuses)
}

fn status_set(value: &Value<'_>) -> Option<StatusSet> {
    let set = match value.json() {
        Json::Number(digits) => digits.parse().ok().map(StatusSet::Code),
        Json::Text(text) => match text.strip_suffix("xx") {
            Some(class) => class.parse().ok().map(StatusSet::Class),
            None => text.parse().ok().map(StatusSet::Code),
        },
        _ => None,
    };
    let mistake = set.as_ref().map_or_else(|| Some(StatusSet::no_status()), StatusSet::mistake);
    value.checked(set, mistake)?
}

/// The action that a value describes.
fn action(value: &Value<'_>) -> Option<Action> {
    match value.json() {
        Json::Text(text) if text == "block" => Some(Action::default()),
        Json::Object(_) => value.object(|fields| match (fields.get("block"), fields.get("rewrite")) {
            (Some(value), None) => block(&value).map(Action::Block),
            (None, Some(value)) => target(&value).map(Action::Rewrite),
            // What else stands there is reported with its name.
            (None, None) if !fields.are_none() => None,
            _ => value.wrong(format_args!("not exactly one action; expected {ACTION}")),
        }),
        _ => value.wrong(format_args!("no such action; expected {ACTION}")),
    }
}

/// The path of the page that is served instead, without a query.
fn target(value: &Value<'_>) -> Option<String> {
    let path = value.text(TARGET)?;
    value.checked(path.to_owned(), Action::target_mistake(path))
}

/// The answer in place of the usual one: `status`, `message`, `body` and `content_type`, each of which may be left out.
fn block(value: &Value<'_>) -> Option<Block> {
    let block = value.object(|fields| {
        let status = fields.optional("status", status);
        let message = fields.optional("message", |value| value.text("a message").map(str::to_owned));
        let body = fields.optional("body", |value| value.text("a text").map(str::to_owned));
        let content_type = fields.optional("content_type", content_type);
        Some(Block { status: status?, message: message?, body: body?, content_type: content_type? })
    })?;
    let mistake = block.mistake_together();
    value.checked(block, mistake)
}

fn status(value: &Value<'_>) -> Option<u16> {
    let status = whole(value, STATUS)?;
    value.checked(u16::try_from(status).ok(), Block::status_mistake(status))?
}

fn content_type(value: &Value<'_>) -> Option<String> {
    let media = value.text(CONTENT_TYPE)?;
    value.checked(media.to_owned(), Block::type_mistake(media))
}

/// The names of the rules that `rate_limit` makes.
pub(crate) const RULES_OF_RATE_LIMIT: [&str; 2] = ["site", "site-requests"];

/// What a limit that must be there may be.
pub(crate) const RATE: &str = "a rate string such as \"10 per hour\"";

const LIMITS: &str =
    "a rate string such as \"10 per hour\", or a list of them and of objects of limit, window and unit";
const REQUESTS: &str = "whole requests from 0 to 9007199254740992";

/// The rules that `rate_limit` makes, at most two: `site` and `site-requests`.
///
/// Time, and what may run at once, belongs to the site and is shared by all its clients. Requests are counted for each
/// client address, as those who write `50 per hour` mean it.
pub(crate) fn rate_limit(value: &Value<'_>) -> Option<Vec<Rule>> {
    let limits = match value.json() {
        Json::Object(_) => time_limit(value)?.into(),
        Json::Text(text) => distinct(rates(text, value)?, value),
        _ => {
            return value.wrong(
                "neither an object nor a text; expected an object of limit and window, or a rate string such as \"600s per hour\"",
            );
        }
    };
    let (requests, shared): (Vec<_>, Vec<_>) = limits.iter().copied().partition(Limit::counts_requests);
    let [of_site, of_requests] = RULES_OF_RATE_LIMIT;
    let rules =
        [Rule::new(of_site, Component::Site, shared), Rule::new(of_requests, Component::Ip, requests)];
    let rules = rules.into_iter().filter(|rule| !rule.limits.is_empty());
    Some(rules.map(|rule| Rule { displaces: false, ..rule }).collect())
}

/// Frappe's object.
fn time_limit(value: &Value<'_>) -> Option<Limit> {
    value.object(|fields| {
        let quota = fields.required("limit", QUOTA, quota);
        let period = fields.required("window", WINDOW, window);
        Some(Limit::Time { quota: quota?, period: period? })
    })
}

/// The limits that a rule has; of those that would share an account the smallest.
///
/// ```json
/// "10 per hour"
/// "10 per minute; 600s per hour"
/// {"limit": 600, "window": "hour"}
/// ["10 per minute", {"limit": 50, "window": "day", "unit": "requests"}]
/// ```
pub(crate) fn limits(value: &Value<'_>) -> Option<LimitSet> {
    let written = match value.json() {
        Json::Text(text) => rates(text, value)?,
        Json::List(_) => value.list(LIMITS, rates_or_object)?.concat(),
        _ => return value.wrong(format_args!("not limits; expected {LIMITS}")),
    };
    Some(distinct(written, value))
}

/// One item of a list of limits: a text of one or more rates, or an object.
fn rates_or_object(value: &Value<'_>) -> Option<Vec<Limit>> {
    match value.json() {
        Json::Text(text) => rates(text, value),
        Json::Object(_) => Some(vec![limit(value)?]),
        _ => value.wrong(format_args!("not a limit; expected {LIMITS}")),
    }
}

fn rates(text: &str, value: &Value<'_>) -> Option<Vec<Limit>> {
    match parse_rates(text) {
        Ok(limits) => Some(limits),
        Err(error) => value.wrong_part(error.part(), error.words()),
    }
}

/// The limits without those that a tighter one makes pointless.
///
/// Of two that would be one account the smaller holds, so nothing is wrong; but whoever wrote both may not have meant that.
fn distinct(written: Vec<Limit>, value: &Value<'_>) -> LimitSet {
    let count = written.len();
    let kept = LimitSet::from(written);
    if kept.len() < count {
        value.suspect(ONE_ACCOUNT);
    }
    kept
}

/// `{"limit": 600, "window": 3600}`: seconds of server time, or with `"unit": "requests"` whole requests.
fn limit(value: &Value<'_>) -> Option<Limit> {
    value.object(|fields| {
        let unit = fields.or("unit", Unit::Time, unit);
        if unit == Some(Unit::Requests) {
            let quota = fields.required("limit", REQUESTS, |value| whole(value, REQUESTS));
            let period = fields.required("window", WINDOW, window);
            return Some(Limit::Requests { quota: quota?, period: period? });
        }
        let quota = fields.required("limit", QUOTA, quota);
        let period = fields.required("window", WINDOW, window);
        unit.and(Some(Limit::Time { quota: quota?, period: period? }))
    })
}

fn unit(value: &Value<'_>) -> Option<Unit> {
    let words = [("time", Unit::Time), ("requests", Unit::Requests)];
    value.word(&words, "no such unit; expected \"time\" or \"requests\"")
}
