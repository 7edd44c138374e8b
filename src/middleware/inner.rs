//! What a budget inside of another has told the client.

use std::sync::Arc;

use crate::limiter::Report;
use crate::middleware::wire::Said;
use crate::middleware::worker::WorkerSite;

/// What a budget inside of another has told the client.
#[derive(Debug)]
pub(super) struct Inner {
    /// Whether it has refused the request.
    pub(super) is_refusal: bool,
    /// Where its tightest limit stands.
    report: Report,
    /// The rule of that limit.
    rule: Arc<str>,
    /// Whether it has written the fields of the draft.
    pub(super) standard: bool,
    /// By whose spelling the fields are found.
    pub(super) site: WorkerSite,
}

impl Inner {
    pub(super) fn served(site: &WorkerSite, report: &Report, standard: bool) -> Self {
        let (site, rule) = (site.clone(), site.shared_rule_name(report.rule));
        Self { is_refusal: false, report: report.clone(), rule, standard, site }
    }

    pub(super) fn refused(site: &WorkerSite, report: &Report, standard: bool) -> Self {
        Self { is_refusal: true, ..Self::served(site, report, standard) }
    }

    /// What is said of it where more than one budget limits a request.
    pub(super) fn said(&self) -> Said<'_> {
        Said { report: &self.report, rule: Some(&self.rule), served: !self.is_refusal }
    }

    /// The tighter of the two as the outer one tells it: in its spelling, by which whoever is around it finds the fields.
    pub(super) fn or_tighter(self, outer: Self) -> Self {
        match self.is_tighter_than(&outer) {
            true => Self { is_refusal: self.is_refusal, report: self.report, rule: self.rule, ..outer },
            false => outer,
        }
    }

    /// Whether it refuses, or its remaining share is the smaller one, or of equal ones its window the longer.
    fn is_tighter_than(&self, other: &Self) -> bool {
        let share = |a: &Report, b: &Report| u128::from(a.remaining) * u128::from(b.limit);
        let (own, others) = (share(&self.report, &other.report), share(&other.report, &self.report));
        self.is_refusal || own < others || (own == others && self.report.length > other.report.length)
    }
}
