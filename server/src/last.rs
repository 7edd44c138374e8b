//! What is still to be written when nothing is served any more: all of it at once, and for no longer than those wait who kill.

use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::rt::time::timeout;
use futures_util::future::join3;
use timebudget_control::Control;
use tokio::sync::oneshot;

use crate::access::Log;
use crate::traces::Traces;

/// How long all of it may take: with the 25 s of requests that run, and a second in which a socket is handed over, less than the
/// half minute after which Kubernetes kills.
const WITHIN: Duration = Duration::from_secs(3);

/// Something that is to be written.
type Words = Pin<Box<dyn Future<Output = ()>>>;

/// Writes the last lines of the access log, the last spans, and the usage of the last minute.
pub(crate) async fn words(log: Option<Arc<Log>>, traces: Option<Traces>, control: Option<Control>) {
    let log = log.map(|log| apart(move || log.end()));
    let traces = traces.map(|traces| apart(move || traces.end()));
    let control = control.map(|control| -> Words { Box::pin(close(control)) });
    within(WITHIN, [("access log", log), ("traces", traces), ("control", control)]).await;
}

async fn close(control: Control) {
    if let Err(error) = control.save_usage().await {
        log::warn!("control: the usage of the last minute is lost: {error}");
    }
    control.close().await;
}

/// Waits for all at once. What has not ended by then goes on until the process ends.
async fn within(time: Duration, [first, second, third]: [(&str, Option<Words>); 3]) {
    let one = async |(what, words): (&str, Option<Words>)| {
        if let Some(words) = words
            && timeout(time, words).await.is_err()
        {
            log::warn!("{what}: what was left to be written took too long, and may be lost");
        }
    };
    join3(one(first), one(second), one(third)).await;
}

/// On a thread of its own, for which nobody waits when the process ends.
fn apart(work: impl FnOnce() + Send + 'static) -> Words {
    let (done, is_done) = oneshot::channel();
    let began = thread::Builder::new().name("timebudget-last".to_owned()).spawn(move || {
        work();
        // Whoever waited may have gone.
        let _ = done.send(());
    });
    if let Err(error) = began {
        log::warn!("the system has no thread for what is left to be written: {error}");
    }
    Box::pin(async move {
        let _ = is_done.await;
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc;
    use std::time::Instant;

    use actix_web::rt::System;

    use super::*;

    /// One after another they took longer than those wait who kill.
    #[test]
    fn nothing_that_hangs_holds_up_the_end_or_the_others() {
        let (told, is_told) = mpsc::channel();
        let begun = Instant::now();
        System::new().block_on(async {
            let hangs = apart(|| thread::sleep(Duration::from_secs(600)));
            let works = apart(move || told.send(()).unwrap());
            let short = Duration::from_millis(500);
            within(short, [("a", Some(hangs)), ("b", Some(Box::pin(pending()))), ("c", Some(works))]).await;
        });
        assert!(is_told.try_recv().is_ok());
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
