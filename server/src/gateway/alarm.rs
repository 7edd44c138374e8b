//! A timer that is set for each step of each request, and armed seldom.
//!
//! Nearly every step ends long before its deadline. So a deadline that is put off leaves the timer where it is: if it goes off
//! too early, it is armed again for the deadline that holds then.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for one deadline after another; nothing until it is first asked.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once the deadline has passed. The waker must be the same each time, or have been woken since it was last another.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let Some(sleep) = &mut self.0 else {
            let sleep = self.0.insert(Box::pin(sleep_until(deadline)));
            return sleep.as_mut().poll(cx);
        };
        if sleep.is_elapsed() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
        } else if sleep.deadline() <= deadline {
            return Poll::Pending;
        }
        sleep.as_mut().reset(deadline);
        sleep.as_mut().poll(cx)
    }
}
