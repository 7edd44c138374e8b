//! Explanations: what a limiter makes of a request.

use std::sync::Arc;

pub use crate::limiter::aligned::aligned;
pub use crate::limiter::moment::{Local, Span, Utc};
use crate::model::{Component, Condition, Found, Limit, UnixMicros, Window, Zone};

/// What a limiter makes of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The name of the site that answers.
    pub site: String,
    /// The zone whose clock its windows follow.
    pub zone: Arc<Zone>,
    /// When it was asked, by the wall clock.
    pub at: UnixMicros,
    /// The condition by which the request is exempt; then no rule is asked.
    pub exempt: Option<Condition>,
    /// Whether it is a CORS preflight, which is never refused, and charged to limits of time alone.
    pub is_preflight: bool,
    /// The rules in their order.
    pub rules: Vec<ExplainedRule>,
}

/// A rule, and what it has to do with the request.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedRule {
    /// The rule's name.
    pub name: Arc<str>,
    /// What it has to do with the request.
    pub bearing: Bearing,
}

/// What a rule has to do with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Bearing {
    /// It applies.
    Applies {
        /// Whose account it uses.
        key: Vec<KeyPart>,
        /// The limits that the request is charged to.
        limits: Vec<ExplainedLimit>,
        /// Why the client may spend something else than the rule says; `None` if it may not.
        terms: Option<Terms>,
    },
    /// Its condition does not hold.
    Differs {
        /// The first part that does not.
        part: Condition,
        /// What the request has there; `None` where the part is made of parts.
        found: Option<Found>,
    },
    /// It applies otherwise, and others do.
    Displaced {
        /// The rules that it gives way to.
        by: Vec<Arc<str>>,
    },
    /// It applies, but code or its site says that it neither refuses nor counts the request.
    Exempt,
    /// Its key needs something that the request does not have, and it is skipped then.
    Skipped {
        /// What is missing.
        component: Component,
    },
}

/// Why a client may spend something else than a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// It is in the tier of this name.
    Tier(String),
    /// Its user has an override, for this reason if one is given.
    Override(Option<String>),
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// What the part is.
    pub component: Component,
    /// Its value, where what may be a credential is shortened; `None` if the request has none.
    pub value: Option<String>,
    /// What it stands in for, since the request does not have that.
    pub instead_of: Option<Component>,
}

/// A limit, and the window that is in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExplainedLimit {
    /// The limit, with the quota that holds for this request.
    pub limit: Limit,
    /// The window; a cap on running requests has none.
    pub window: Option<Window>,
}
