//! The HTTP client by which traces are sent: it waits, on the thread that does nothing else.

use std::pin::Pin;
use std::time::Duration;

use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use ureq::Agent;

/// The largest answer that is read of a collector, which has next to nothing to say.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// A client of collectors.
#[derive(Debug)]
pub(crate) struct Client(Agent);

/// An answer that is made.
type Answered<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl Client {
    /// A client whose requests take no longer than that.
    pub(crate) fn new(within: Duration) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        Self(config.timeout_global(Some(within)).build().into())
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let answer = self.0.run(Request::from_parts(head, &body[..]))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(LONGEST_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Answered<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { self.send(request) })
    }
}
