//! Floor 0: the model. Pure: no clock, no I/O, no async, no actix.
//!
//! Its rooms, each of which uses only those above it: what is said to people, time, clients, accounts, conditions, rules.
//!
//! Everything in it is a value or a function of values: what time it is, what a request is like and what has been spent are given. So all
//! of it can be tested with numbers, and every process comes to the same answer.
//!
//! | room | for example | it answers |
//! |---|---|---|
//! | `time` | [`Period`], [`Zone`], [`Window`] | which window an instant lies in |
//! | `client` | [`AddressPolicy`], [`Identity`], [`Host`] | who asks, from where, and by which name |
//! | `account` | [`Limit`], [`Ledger`], [`KeyHash`] | what is granted, what is spent, and whose it is |
//! | `condition` | [`Condition`], [`Text`], [`RuleIndex`] | which requests are meant |
//! | `rule` | [`Rule`], [`Tiers`], [`Site`] | what holds, for whom, and what is wrong with it |

/// What is said to people.
pub(crate) mod said;

/// Numbers with units, instants, periods, zones and the windows that they make.
pub(crate) mod time {
    mod decimal;
    mod period;
    mod units;
    mod window;
    mod zone;

    pub(crate) use self::decimal::{Decimal, Unfit};
    pub use self::period::Period;
    pub use self::units::{Micros, Now, Term, Tick, Unit, UnixMicros};
    pub use self::window::Window;
    pub use self::zone::{Transition, Zone, ZoneSource};
}

/// Who and where clients are, and the names by which they ask.
pub(crate) mod client {
    pub(crate) mod address;
    pub(crate) mod host;
    mod identity;
    mod network;
    mod place;

    pub use self::address::{AddressPolicy, Proxy};
    pub use self::host::{Host, HostFault};
    pub(crate) use self::identity::Need;
    pub use self::identity::{ApiKey, Identity, IdentityHeaders, KeyDigest};
    pub(crate) use self::network::canonical;
    pub use self::network::{Network, NetworkFault};
    pub use self::place::{Countries, Country, CountrySource, Region};
}

/// What limits grant, and what accounts have spent of it.
pub(crate) mod account {
    mod expectation;
    mod key;
    mod ledger;
    mod limit;
    #[cfg(feature = "redis")]
    mod line;
    mod rate;
    mod rate_error;

    pub(crate) use self::expectation::{Expectation, Learned, of_unknown};
    pub(crate) use self::key::{AccountHash, Salt, Value};
    pub use self::key::{Key, KeyBytes, KeyHash, KeyHasher, KeyValue};
    pub use self::ledger::Ledger;
    pub(crate) use self::ledger::{hold, lasts};
    pub use self::limit::{Limit, LimitSet, Multiplier, Quota};
    #[cfg(feature = "redis")]
    pub(crate) use self::line::{FROZEN_AFTER, Line, Others, equal_share, pace};
    pub use self::rate::parse_rates;
    pub(crate) use self::rate::parse_span;
    pub use self::rate_error::{RateError, RateFault};
}

/// Which requests: their facts, and the conditions that they fulfil.
pub(crate) mod condition {
    #[expect(
        clippy::module_inception,
        reason = "the room is named after what it is about, and so is its main file"
    )]
    mod condition;
    pub(crate) mod decoded;
    mod facts;
    mod index;
    mod letters;
    mod pattern;
    mod text;
    mod words;

    pub use self::condition::Condition;
    pub(crate) use self::condition::{is_certain, is_contradiction};
    pub use self::decoded::{EscapedSlash, Paths, cookie_values, query_value, query_values};
    #[cfg(test)]
    pub(crate) use self::facts::tests::Asked;
    pub use self::facts::{Computed, Facts, Method};
    pub(crate) use self::facts::{NO_ROUTE, is_preflight, is_token};
    pub use self::index::RuleIndex;
    pub use self::pattern::{Glob, Pattern, PatternError};
    pub use self::text::Text;
    pub use self::words::Found;
}

/// Rules and the sites that they make, and what is wrong with either.
pub(crate) mod rule {
    mod charge_when;
    pub(crate) mod check;
    mod header_policy;
    mod key;
    pub(crate) mod key_source;
    mod overrides;
    #[expect(
        clippy::module_inception,
        reason = "the room is named after what it is about, and so is its main file"
    )]
    mod rule;
    mod shared_map;
    mod shared_tiers;
    pub(crate) mod site;
    pub(crate) mod site_check;
    mod tiers;
    pub(crate) mod upstream;

    pub use self::charge_when::{Answer, ChargeWhen, Judge, StatusSet, Statuses};
    pub(crate) use self::check::{default_key, namesakes, out_of_any_reach, out_of_reach};
    pub use self::header_policy::{EXPOSED_HEADERS, HeaderNames, HeaderPolicy, ResetStyle, StandardHeaders};
    pub use self::key::{Component, KeySpec, Missing};
    pub use self::key_source::{KeySource, NoSource};
    pub use self::overrides::Override;
    pub use self::rule::{Action, Block, Cost, Counts, Hold, Overrun, Rule, Until};
    pub use self::shared_map::SharedMap;
    pub use self::shared_tiers::SharedTiers;
    pub use self::site::{ClientPolicy, Site};
    pub(crate) use self::site_check::{About, KnownRules, asks_in_vain};
    pub use self::tiers::{Assignment, DEFAULT_TIER, Source, Tier, Tiers};
    pub use self::upstream::{NoUpstream, Upstream};
}

pub use self::{account::*, client::*, condition::*, rule::*, said::*, time::*};

/// The words of mistakes that others find too: those who read site files, and those who build rules in Rust.
pub(crate) mod wording {
    pub(crate) use super::client::address::PROXY;
    pub(crate) use super::condition::decoded::ENCODED;
    pub(crate) use super::rule::check::{
        COMPONENT, CONTENT_TYPE, COST, EXEMPTS_ALL, GLOB_TOO_LONG, METHOD, NAME, ONE_ACCOUNT, PATH, PATTERN,
        STATUS, STATUSES, TARGET, TWICE_IN_KEY,
    };
    pub(crate) use super::rule::key_source::SOURCE;
    pub(crate) use super::rule::site_check::{NO_RULE, NO_SUCH_HOST, UNTRUSTED};
    pub(crate) use super::rule::upstream::UPSTREAM;
}
