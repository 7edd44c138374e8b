//! What a budget makes of a request, without deciding over it.

use actix_web::dev::ServiceRequest;

use crate::limiter::explanation::Explanation;
use crate::middleware::facts::RequestFacts;
use crate::middleware::routes::Routes;
use crate::middleware::time_budget::TimeBudget;
use crate::middleware::worker::{WorkerSite, answering};

impl TimeBudget {
    /// Says which rules are about a request and which not and why, and whose accounts they use; nothing is charged.
    ///
    /// The request is seen as the budget itself sees it at this place, but for parameters in `match_info()` that the router
    /// has yet to find: those are in [`route_parameter`](crate::route_parameter).
    pub fn explain(&self, request: &ServiceRequest) -> Explanation {
        let site = WorkerSite::new(answering(&self.sites.table(), request), &self.hooks);
        let routes = Routes::default();
        let facts = RequestFacts::new(request, &routes, &site);
        let mut explanation = site.explain(&facts);
        if let Some(scope) = self.hooks.excepted(&facts) {
            explanation.exempt = Some(scope.clone());
            explanation.rules.clear();
        }
        explanation
    }
}
