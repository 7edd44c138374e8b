//! What the gateway tells others of a request that it has passed on: in the extensions of the response, for logs and metrics.

use std::rc::Rc;

/// What became of a request at its upstream.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "read by what logs and counts requests")]
pub(crate) struct Told {
    /// Microseconds from when the request was passed on to the head of its answer, or to its failure.
    pub(crate) upstream_micros: u64,
    /// The name by which upstream and log know the request: the client's `X-Request-Id`, or one that was made for it.
    pub(crate) request_id: Rc<str>,
}
