//! A draft that is to be tried on the requests of the last hour, as it stands in a body.

use crate::thing::Ruleset;
use crate::thing::fields::{Fields, Wrong};
use crate::thing::question::drafted;

/// The most minutes of which requests are kept.
const MOST: u8 = 60;

/// A draft that is to be tried.
#[derive(Debug)]
pub(crate) struct TryOut {
    pub(crate) site: String,
    pub(crate) draft: Ruleset,
    /// Of the requests of so many minutes.
    pub(crate) minutes: u8,
}

impl TryOut {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub(crate) fn parse(body: &str) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let site = fields.required("site", "the name of a site");
            let minutes = fields.optional::<u8>("minutes", "a number of minutes, from 1 to 60");
            let minutes = match minutes {
                Some(Some(minutes)) if !(1..=MOST).contains(&minutes) => {
                    fields.wrong("minutes", format!("{minutes}: expected a number of minutes, from 1 to 60"))
                }
                other => other.map(|minutes| minutes.unwrap_or(MOST)),
            };
            let draft = match fields.raw("draft") {
                Some(draft) => drafted(fields, &draft),
                None => fields.wrong("draft", "missing; expected a ruleset"),
            };
            Some(Self { site: site?, draft: draft?, minutes: minutes? })
        })
    }
}
