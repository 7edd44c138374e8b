//! Guesses: tokens that are nobody's, limited by a budget of their own.

use std::net::IpAddr;
use std::sync::Arc;

use timebudget::config::parse_site;
use timebudget::store::memory::Memory;
use timebudget::{Admission, Clock, Engine, Facts, Limiter, Reservation};

/// What limits them: ten a minute from an address are a person's mistakes.
const LOOKED_UP: &str =
    r#"{ "rate_limit_rules": [{ "name": "guesses", "key": "ip", "limits": "10 per minute" }] }"#;

/// What keeps those who have many addresses from filling the audit. Nobody is refused by it: whoever guesses from elsewhere
/// would lock out those who do not.
const WRITTEN: &str =
    r#"{ "rate_limit_rules": [{ "name": "rows", "key": "site", "limits": "300 per hour" }] }"#;

/// The budget of guesses. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Guesses {
    looked_up: Arc<Limiter>,
    written: Arc<Limiter>,
}

/// A token is about to be looked up: a guess, unless it was [right](Self::was_right).
pub(crate) struct Guess(Option<Reservation>);

impl Guesses {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let engine = Engine::new(Memory::default(), clock);
        let limiter = |name, rules| {
            let (site, _) = parse_site(name, rules).expect("the rules are right");
            Arc::new(Limiter::new(site, &engine))
        };
        Self { looked_up: limiter("guesses", LOOKED_UP), written: limiter("rows", WRITTEN) }
    }

    /// Takes a guess from an address.
    ///
    /// # Errors
    ///
    /// There were too many: the seconds until there may be more.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Result<Guess, u64> {
        match self.looked_up.admit(&From(address)) {
            Ok(Admission::Admitted(reservation)) => Ok(Guess(Some(reservation))),
            Ok(Admission::Refused(refusal)) => Err(refusal.retry_after_secs),
            // A store in memory neither waits nor fails.
            Ok(Admission::Exempt | Admission::Pending(_)) | Err(_) => Ok(Guess(None)),
        }
    }

    /// Whether the audit is to tell of one more that was wrong.
    pub(crate) fn is_told(&self) -> bool {
        !matches!(self.written.admit(&From(None)), Ok(Admission::Refused(_)))
    }
}

impl Guess {
    /// It was somebody's token: that costs nothing.
    pub(crate) fn was_right(self) {
        if let Some(mut reservation) = self.0 {
            reservation.waive();
        }
    }
}

/// A request of which nothing matters but where it comes from.
struct From(Option<IpAddr>);

impl Facts for From {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn ip(&self) -> Option<IpAddr> {
        self.0
    }
}
