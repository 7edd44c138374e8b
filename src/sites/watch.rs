//! When files are looked at again, and that several changes at once are one.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Why files are to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody asked for it, and wants an answer in any case.
    Asked,
    /// They may have changed.
    Changed,
}

/// What tells the thread of a [`Reloader`](crate::Reloader) to look at the files. The thread ends with the last clone of it.
#[derive(Clone, Debug)]
pub struct Watcher(pub(crate) Sender<Cause>);

impl Watcher {
    /// Has the files looked at once they have been left alone for a tenth of a second.
    pub fn look(&self) {
        // Without a thread to hear it, there is nothing to keep.
        let _ = self.0.send(Cause::Changed);
    }

    /// Has the files read at once and put in force, and the log say so in any case.
    pub fn reload(&self) {
        let _ = self.0.send(Cause::Asked);
    }
}

/// How long the files must have been left alone before they are read: several writes make one change.
const QUIET: Duration = Duration::from_millis(100);

/// For how many such spans it is waited for that, where something else in a directory is written all the time.
const PATIENCE: usize = 10;

/// What is to be done next; `None` if nobody is there any more to say it.
pub(crate) fn next(causes: &Receiver<Cause>, every: Option<Duration>) -> Option<Cause> {
    let next = match every {
        Some(every) => causes.recv_timeout(every),
        None => causes.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    match next {
        Ok(Cause::Asked) => Some(Cause::Asked),
        Ok(Cause::Changed) => Some(settled(causes)),
        Err(RecvTimeoutError::Timeout) => Some(Cause::Changed),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Waits until the files have been left alone for a while, or somebody asks.
fn settled(causes: &Receiver<Cause>) -> Cause {
    for _ in 0..PATIENCE {
        thread::sleep(QUIET);
        let heard: Vec<_> = causes.try_iter().collect();
        match heard.as_slice() {
            [] => break,
            heard if heard.contains(&Cause::Asked) => return Cause::Asked,
            _ => {}
        }
    }
    Cause::Changed
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn many_changes_at_once_are_one() {
        let (asking, causes) = mpsc::channel();
        for _ in 0..1_000 {
            asking.send(Cause::Changed).ok();
        }
        assert_eq!(next(&causes, None), Some(Cause::Changed));
        assert!(causes.try_recv().is_err());
    }

    #[test]
    fn who_asks_does_not_wait_until_the_files_are_left_alone() {
        let (asking, causes) = mpsc::channel();
        asking.send(Cause::Asked).ok();
        assert_eq!(next(&causes, None), Some(Cause::Asked));
    }

    #[test]
    fn files_are_looked_at_every_so_often_until_nobody_is_there() {
        let (asking, causes) = mpsc::channel();
        assert_eq!(next(&causes, Some(Duration::from_millis(1))), Some(Cause::Changed));
        drop(asking);
        assert_eq!(next(&causes, Some(Duration::MAX)), None);
    }
}
