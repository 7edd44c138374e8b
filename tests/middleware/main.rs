//! The middleware over real sockets: a server in the test's own process, on a clock that only the test moves.

mod addresses;
mod bodies;
mod burst;
mod closures;
mod endings;
mod extractor;
mod flask_limiter;
mod forms;
mod harness;
mod headers;
mod hostile;
mod http2;
mod limits;
mod nesting;
mod panics;
mod placement;
mod refusals;
mod refusals_own;
mod rewrites;
mod rules;
mod rules_counting;
mod rules_keys;
mod sites;
mod timing;
mod waits;
