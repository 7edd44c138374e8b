//! The body of a response under a budget.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;
use pin_project_lite::pin_project;

use crate::middleware::running::Guard;

pin_project! {
    /// The body of a response under a budget: its time runs while a chunk is made, and stops while the client takes it.
    #[derive(Debug)]
    pub struct BudgetBody<B> {
        #[pin]
        body: Body<B>,
    }
}

pin_project! {
    #[project = BodyProjection]
    #[derive(Debug)]
    enum Body<B> {
        /// A body that was complete with its head: the request is settled.
        Complete { bytes: Bytes, size: BodySize },
        /// A body that is still to be made.
        Streaming { #[pin] body: B, guard: Guard },
        /// A body that no budget has to do with.
        Passing { #[pin] body: B },
        /// The body that the application has made for a refusal.
        Own { #[pin] body: BoxBody },
    }
}

impl<B> BudgetBody<B> {
    /// `size` says whether an empty body is one.
    pub(super) const fn complete(bytes: Bytes, size: BodySize) -> Self {
        Self { body: Body::Complete { bytes, size } }
    }

    pub(super) const fn streaming(body: B, guard: Guard) -> Self {
        Self { body: Body::Streaming { body, guard } }
    }

    pub(super) const fn passing(body: B) -> Self {
        Self { body: Body::Passing { body } }
    }

    pub(super) const fn own(body: BoxBody) -> Self {
        Self { body: Body::Own { body } }
    }
}

impl<B: MessageBody> MessageBody for BudgetBody<B> {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        match &self.body {
            Body::Complete { size, .. } => *size,
            Body::Streaming { body, .. } | Body::Passing { body } => body.size(),
            Body::Own { body } => body.size(),
        }
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.project().body.project() {
            BodyProjection::Complete { bytes, .. } if bytes.is_empty() => Poll::Ready(None),
            BodyProjection::Complete { bytes, .. } => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            BodyProjection::Passing { body } => body.poll_next(cx).map_err(Into::into),
            BodyProjection::Own { body } => body.poll_next(cx),
            BodyProjection::Streaming { body, guard } => {
                guard.0.enter();
                let Poll::Ready(chunk) = body.poll_next(cx) else {
                    guard.0.leave();
                    return Poll::Pending;
                };
                match chunk {
                    Some(_) => guard.0.pause(),
                    None => guard.0.settle(),
                }
                Poll::Ready(chunk.map(|chunk| chunk.map_err(Into::into)))
            }
        }
    }

    /// A complete body stays one: whoever boxes it would otherwise make a stream of it.
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self.body {
            Body::Complete { bytes, .. } => Ok(bytes),
            Body::Passing { body } => body.try_into_bytes().map_err(Self::passing),
            Body::Own { body } => body.try_into_bytes().map_err(Self::own),
            Body::Streaming { body, guard } => {
                body.try_into_bytes().map_err(|body| Self::streaming(body, guard))
            }
        }
    }
}
