//! Guesses: tokens that are nobody's, limited by a budget of their own.

use std::net::IpAddr;
use std::sync::Arc;

use timebudget::config::parse_site;
use timebudget::store::memory::Memory;
use timebudget::{Admission, Clock, Engine, Facts, Limiter, Reservation};

/// What limits them. Ten a minute are a person's mistakes; the second rule keeps those who have many addresses from
/// filling the audit.
const RULES: &str = r#"{ "rate_limit_rules": [
    { "name": "guesses", "key": "ip", "limits": "10 per minute" },
    { "name": "all-guesses", "key": "site", "limits": "300 per hour" }
] }"#;

/// The budget of guesses. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Guesses(Arc<Limiter>);

/// A token is about to be looked up: a guess, unless it was [right](Self::was_right).
pub(crate) struct Guess(Option<Reservation>);

impl Guesses {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let (site, _) = parse_site("guesses", RULES).expect("the rules are right");
        Self(Arc::new(Limiter::new(site, &Engine::new(Memory::default(), clock))))
    }

    /// Takes a guess from an address.
    ///
    /// # Errors
    ///
    /// There were too many: the seconds until there may be more.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Result<Guess, u64> {
        match self.0.admit(&From(address)) {
            Ok(Admission::Admitted(reservation)) => Ok(Guess(Some(reservation))),
            Ok(Admission::Refused(refusal)) => Err(refusal.retry_after_secs),
            // A store in memory neither waits nor fails.
            Ok(Admission::Exempt | Admission::Pending(_)) | Err(_) => Ok(Guess(None)),
        }
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
