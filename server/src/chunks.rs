//! Streams: a body in chunks with pauses between them.

use std::convert::Infallible;

use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};

use crate::steering::Chunks;

/// The chunks, each a line of dots; there is no pause before the first or after the last.
///
/// All chunks are one buffer, so that a stream holds no more memory than one of its chunks.
pub(crate) fn stream(chunks: Chunks) -> impl Stream<Item = Result<Bytes, Infallible>> {
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
