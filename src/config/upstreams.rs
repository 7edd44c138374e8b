//! Keys of a site file about upstreams: where a gateway has the site's requests answered, and whether it believes what those charge.

use crate::config::json::Json;
use crate::config::reader::Value;
use crate::model::Upstream;
use crate::model::wording::UPSTREAM;

/// The upstreams that `rate_limit_upstream` names: a text, or a list of them.
pub(crate) fn upstreams(value: &Value<'_>) -> Option<Vec<Upstream>> {
    let upstreams = value.one_or_many("at least one upstream", upstream)?;
    let is_twice = |(at, upstream): (usize, &Upstream)| upstreams[..at].contains(upstream);
    match upstreams.iter().enumerate().any(is_twice) {
        true => value.wrong("one upstream stands more than once; expected each once"),
        false => Some(upstreams),
    }
}

fn upstream(value: &Value<'_>) -> Option<Upstream> {
    let Json::Text(text) = value.json() else {
        return value.wrong_discreetly(format_args!("not a text; expected {UPSTREAM}"));
    };
    match text.parse() {
        Ok(upstream) => Some(upstream),
        // What stands before it may be a password.
        Err(fault) if text.contains('@') => value.wrong_discreetly(fault),
        Err(fault) => value.wrong(fault),
    }
}

/// Whether upstreams may charge.
pub(crate) fn upstream_charges(value: &Value<'_>) -> Option<bool> {
    value.flag()
}
