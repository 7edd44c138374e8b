//! What has become of sites whose own file is wrong.

use crate::config::{Errors, Meanwhile, WrongSite};
use crate::model::UnixMicros;

/// A site whose own file is wrong, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// The site's name.
    pub site: String,
    /// When a configuration was put in force in which it was wrong for the first time since it was last right.
    pub since: UnixMicros,
    /// What becomes of its requests until it is right.
    pub meanwhile: Meanwhile,
    /// All that is wrong with it.
    pub errors: Errors,
}

impl Wrong {
    /// Those that are wrong now, each since it was last right.
    pub(crate) fn since(wrong: Vec<WrongSite>, before: &[Self], now: UnixMicros) -> Vec<Self> {
        let since = |site: &str| before.iter().find(|one| one.site == site).map_or(now, |one| one.since);
        let now_wrong = wrong.into_iter().map(|WrongSite { site, meanwhile, errors }| Self {
            since: since(&site),
            site,
            meanwhile,
            errors,
        });
        now_wrong.collect()
    }
}
