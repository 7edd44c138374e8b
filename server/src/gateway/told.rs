//! What the gateway tells others of a request that it has passed on: in the extensions of the response, where somebody notes requests.

/// What became of a request at its upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Microseconds from when the request was passed on to the head of its answer, or to its failure.
    pub(crate) upstream_micros: u64,
}
