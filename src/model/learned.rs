//! What was learned of a rule's requests, as it outlives the process that learned it.

use crate::model::expectation::Expectation;

/// What the requests of one rule have cost of late.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The site's name.
    pub site: String,
    /// The rule's name.
    pub rule: String,
    /// Of all its requests.
    pub overall: Expectation,
    /// Of those on each route that is told from others, by the route's number.
    pub routes: Vec<(u32, Expectation)>,
}
