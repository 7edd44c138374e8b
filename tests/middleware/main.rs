//! The middleware over real sockets: a server in the test's own process, on a clock that only the test moves.

mod addresses;
mod api_keys;
mod bodies;
mod burst;
mod country;
mod endings;
mod extractor;
mod fair;
mod forms;
mod harness;
mod headers;
mod hostile;
mod http2;
mod identity;
mod placement;
mod refusals;
mod rewrites;
mod rules;
mod rules_counting;
mod rules_keys;
mod sites;
mod tiers;
mod timing;
mod waits;
