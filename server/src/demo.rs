//! The demonstration app: answers every request, and takes as much time about it as the query asks for.
//!
//! A query says how long to wait (`ms`) or to keep a worker busy (`spin`), with which status to answer, and whether the body is a
//! stream of chunks with pauses between them. Each has bounds, so that nobody who tries it can fill a machine's memory.

use std::convert::Infallible;
use std::hint;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use actix_web::error::PayloadError;
use actix_web::http::header::{self, ContentType};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::time::sleep;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use futures_util::stream::{self, Stream};
use serde_json::json;

/// Answers any request with its method, path and query as JSON, or as the query steers.
///
/// The body is read whole first, and forgotten as it comes: a slow upload is waited for here, and no upload takes
/// memory.
///
/// # Errors
///
/// The client broke off its body or encoded it wrongly, which actix answers by 400.
pub(crate) async fn answer(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, PayloadError> {
    if !is_tunnel(&request) {
        read_whole(body).await?;
    }
    Ok(match Steering::read(request.query_string()) {
        Ok(steering) => steered(&request, steering).await,
        Err(error) => HttpResponse::BadRequest().json(json!({ "error": error })),
    })
}

/// Whether a request goes on in another protocol, so that what follows its head has no end to wait for.
fn is_tunnel(request: &HttpRequest) -> bool {
    let has = |name| request.headers().contains_key(name);
    let has_body = has(header::CONTENT_LENGTH) || has(header::TRANSFER_ENCODING);
    request.method() == Method::CONNECT || (request.head().upgrade() && !has_body)
}

async fn read_whole(mut body: web::Payload) -> Result<(), PayloadError> {
    while let Some(chunk) = body.next().await {
        chunk?;
    }
    Ok(())
}

async fn steered(request: &HttpRequest, steering: Steering) -> HttpResponse {
    if !steering.wait.is_zero() {
        sleep(steering.wait).await;
    }
    spin(steering.spin);
    let mut response = HttpResponse::build(steering.status);
    match steering.stream {
        _ if is_bodyless(steering.status) => response.finish(),
        Some(stream) => response.content_type("text/plain; charset=utf-8").streaming(in_chunks(stream)),
        None => response.content_type(ContentType::json()).body(described(request)),
    }
}

/// Keeps the worker busy, as a computation would.
fn spin(span: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        hint::spin_loop();
    }
}

/// Whether HTTP allows no body, so that one would be taken for the next response (RFC 9110, sections 15.3.5, 15.3.6
/// and 15.4.5).
fn is_bodyless(status: StatusCode) -> bool {
    [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// Ends in a newline, so that a shell's prompt does not stand behind it.
fn described(request: &HttpRequest) -> String {
    let json = json!({
        "method": request.method().as_str(),
        "path": request.path(),
        "query": request.query_string(),
    });
    format!("{json}\n")
}

/// At most ten minutes of waiting.
const WAIT_MILLIS: RangeInclusive<u64> = 0..=600_000;

/// At most ten seconds of spinning, for it occupies a worker, and whoever else that one serves waits as well.
const SPIN_MILLIS: RangeInclusive<u64> = 0..=10_000;

/// What can be the last word on a request; 1xx cannot.
const STATUS: RangeInclusive<u64> = 200..=599;

/// At most a gibibyte in all, together with [`BYTES`].
const CHUNKS: RangeInclusive<u64> = 0..=1_024;

/// At most a mebibyte in memory; not 0, since an empty chunk would end the response.
const BYTES: RangeInclusive<u64> = 1..=1_048_576;

/// At most ten seconds between two chunks.
const GAP_MILLIS: RangeInclusive<u64> = 0..=10_000;

/// The size of a chunk where the query does not say.
const USUAL_BYTES: usize = 1_024;

/// What a query asks for; nothing where it is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steering {
    /// How long to wait without blocking: `ms`.
    pub(crate) wait: Duration,
    /// How long to block the worker: `spin`.
    pub(crate) spin: Duration,
    /// What to answer: `status`.
    pub(crate) status: StatusCode,
    /// The body, if it is to be a stream: `chunks`.
    pub(crate) stream: Option<Chunks>,
}

/// A body in chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    /// How many.
    pub(crate) count: u64,
    /// How many bytes each has: `bytes`.
    pub(crate) bytes: usize,
    /// How long to wait between two of them: `gap`.
    pub(crate) gap: Duration,
}

impl Steering {
    /// Reads a query; names that steer nothing are left alone.
    ///
    /// # Errors
    ///
    /// A text for the client: a number that is none, or out of its range, or given twice.
    pub(crate) fn read(query: &str) -> Result<Self, String> {
        let query = Query::read(query)?;
        let status = query.number("status", STATUS)?.and_then(|code| u16::try_from(code).ok());
        Ok(Self {
            wait: query.millis("ms", WAIT_MILLIS)?,
            spin: query.millis("spin", SPIN_MILLIS)?,
            status: status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or_default(),
            stream: Chunks::read(&query)?,
        })
    }
}

impl Chunks {
    fn read(query: &Query) -> Result<Option<Self>, String> {
        let count = query.number("chunks", CHUNKS)?;
        let bytes = query.number("bytes", BYTES)?.and_then(|bytes| usize::try_from(bytes).ok());
        let gap = query.millis("gap", GAP_MILLIS)?;
        Ok(count.map(|count| Self { count, bytes: bytes.unwrap_or(USUAL_BYTES), gap }))
    }
}

/// The pairs of a query, percent-decoded.
struct Query(Vec<(String, String)>);

impl Query {
    fn read(query: &str) -> Result<Self, String> {
        let pairs =
            web::Query::<Vec<(String, String)>>::from_query(query).map_err(|error| error.to_string())?;
        Ok(Self(pairs.into_inner()))
    }

    fn millis(&self, name: &str, range: RangeInclusive<u64>) -> Result<Duration, String> {
        Ok(Duration::from_millis(self.number(name, range)?.unwrap_or(0)))
    }

    fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, String> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(format!("{name}: given more than once"));
        }
        let number = value.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.map(Some).ok_or_else(|| format!("{name}: expected a whole number from {least} to {most}"))
    }
}

/// The chunks, each a line of dots; there is no pause before the first or after the last.
///
/// All chunks are one buffer, so that a stream holds no more memory than one of its chunks.
fn in_chunks(chunks: Chunks) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let chunk = line(chunks.bytes);
    stream::unfold(0, move |sent| {
        let (chunk, chunks) = (chunk.clone(), chunks.clone());
        async move {
            if sent == chunks.count {
                return None;
            }
            // A sleep of no time would still take a millisecond.
            if sent > 0 && !chunks.gap.is_zero() {
                sleep(chunks.gap).await;
            }
            Some((Ok(chunk), sent + 1))
        }
    })
}

fn line(bytes: usize) -> Bytes {
    let mut line = vec![b'.'; bytes];
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    Bytes::from(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(query: &str) -> String {
        Steering::read(query).err().unwrap_or_default()
    }

    #[test]
    fn a_query_that_steers_nothing_asks_for_nothing() {
        let nothing =
            Steering { wait: Duration::ZERO, spin: Duration::ZERO, status: StatusCode::OK, stream: None };
        for query in ["", "&&", "=", "MS=5", "page=2&q=%FF%00", "bytes=5&gap=5"] {
            assert_eq!(Steering::read(query), Ok(nothing.clone()), "{query}");
        }
    }

    #[test]
    fn every_parameter_is_read() {
        let steering = Steering::read("ms=1&spin=2&status=404&chunks=3&bytes=4&gap=5");
        let stream = Chunks { count: 3, bytes: 4, gap: Duration::from_millis(5) };
        let expected = Steering {
            wait: Duration::from_millis(1),
            spin: Duration::from_millis(2),
            status: StatusCode::NOT_FOUND,
            stream: Some(stream),
        };
        assert_eq!(steering, Ok(expected));
    }

    #[test]
    fn a_number_out_of_range_is_answered_by_the_range() {
        assert_eq!(fault("ms=600001"), "ms: expected a whole number from 0 to 600000");
        assert_eq!(fault("status=101"), "status: expected a whole number from 200 to 599");
        assert_eq!(fault("chunks=1&bytes=0"), "bytes: expected a whole number from 1 to 1048576");
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        for value in ["", "-1", "1.5", "1e3", "0x10", "%20", "18446744073709551616", "%F0%9F%98%80"] {
            assert!(fault(&format!("ms={value}")).starts_with("ms: expected"), "{value}");
        }
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert_eq!(fault("ms=1&ms=1"), "ms: given more than once");
    }
}
