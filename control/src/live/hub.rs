//! Events, for those who listen: whoever cannot keep up misses some and is told how many.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

/// Hands events on to whoever listens, and keeps nobody waiting for whoever does not.
///
/// All listeners together have one store of events. Who has not read one before it is overwritten misses it.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: Sender<Told>,
    /// How many streams each has who listens.
    listening: Arc<Mutex<HashMap<String, usize>>>,
}

/// Why somebody cannot listen as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// There is no room for anybody.
    Full,
    /// One has so many streams already, which is the most.
    OfOne(usize),
}

/// An event: its name, and what it says in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) data: Arc<str>,
}

/// The name of what is told to streams, and to nobody beyond.
const MEMBERS: &str = "members";

/// Somebody who listens.
#[derive(Debug)]
pub(crate) struct Listener {
    receiver: Receiver<Told>,
    name: String,
    listening: Arc<Mutex<HashMap<String, usize>>>,
}

/// That a listener has missed events.
#[derive(Serialize)]
struct Dropped {
    count: u64,
}

impl Hub {
    /// How many events wait for the slowest listener.
    const WAITING: usize = 1_024;
    /// The most that listen at once, and the most streams of one of them: nobody takes the room of all.
    const MOST: usize = 256;
    const MOST_OF_ONE: usize = 16;

    pub(crate) fn new() -> Self {
        Self { sender: channel(Self::WAITING).0, listening: Arc::default() }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.listeners() > 0
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Tells an event; to nobody, where nobody listens.
    pub(crate) fn tell(&self, name: &'static str, data: &impl Serialize) {
        if self.is_heard() {
            // What is sent when the last listener has just gone is for nobody.
            let _ = self.sender.send(Told::new(name, data));
        }
    }

    /// Has listeners look whether they may still listen: members, or their sessions, are others than before.
    pub(crate) fn tell_of_members(&self) {
        self.tell(MEMBERS, &());
    }

    /// Tells that so many events were not told.
    pub(crate) fn tell_dropped(&self, count: u64) {
        if count > 0 {
            self.tell("dropped", &Dropped { count });
        }
    }

    /// Somebody of a name listens from now on.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub(crate) fn listen(&self, name: &str) -> Result<Listener, Crowd> {
        let mut listening = self.listening.lock();
        if self.listeners() >= Self::MOST {
            return Err(Crowd::Full);
        }
        let own = listening.entry(name.to_owned()).or_default();
        if *own >= Self::MOST_OF_ONE {
            return Err(Crowd::OfOne(*own));
        }
        *own += 1;
        let (receiver, listening) = (self.sender.subscribe(), Arc::clone(&self.listening));
        Ok(Listener { receiver, name: name.to_owned(), listening })
    }
}

impl Told {
    fn new(name: &'static str, data: &impl Serialize) -> Self {
        let data = serde_json::to_string(data).unwrap_or_default();
        Self { name, data: data.into() }
    }

    /// Whether it is that members have changed, which is not told on.
    pub(crate) fn is_of_members(&self) -> bool {
        self.name == MEMBERS
    }

    /// As a stream of server-sent events has it.
    pub(crate) fn line(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.name, self.data)
    }
}

impl Listener {
    /// The next event; `dropped` in place of those that were missed; `None` when there will be no more.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        match self.receiver.recv().await {
            Ok(told) => Some(told),
            Err(RecvError::Lagged(count)) => Some(Told::new("dropped", &Dropped { count })),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listening = self.listening.lock();
        if let Some(own) = listening.get_mut(&self.name) {
            *own -= 1;
        }
        listening.retain(|_, own| *own > 0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn heard(listener: &mut Listener) -> Vec<String> {
        std::iter::from_fn(|| listener.next().now_or_never().flatten()).map(|told| told.line()).collect()
    }

    #[test]
    fn whoever_listens_hears_what_is_told_from_then_on() {
        let hub = Hub::new();
        hub.tell("changed", &1);
        let mut listener = hub.listen("ann").unwrap();
        assert!(hub.is_heard());
        hub.tell("changed", &2);
        assert_eq!(heard(&mut listener), ["event: changed\ndata: 2\n\n"]);
        drop(listener);
        assert!(!hub.is_heard());
    }

    #[test]
    fn whoever_cannot_keep_up_is_told_how_much_was_missed_and_nobody_waits() {
        let hub = Hub::new();
        let mut listener = hub.listen("ann").unwrap();
        for number in 0..Hub::WAITING + 10 {
            hub.tell("refused", &number);
        }
        let heard = heard(&mut listener);
        assert_eq!(heard.len(), Hub::WAITING + 1);
        assert_eq!(heard[..2], ["event: dropped\ndata: {\"count\":10}\n\n", "event: refused\ndata: 10\n\n"]);
    }

    #[test]
    fn nobody_takes_the_room_of_all() {
        let hub = Hub::new();
        let mut listeners: Vec<_> = (0..Hub::MOST)
            .map(|number| hub.listen(&format!("member {}", number / Hub::MOST_OF_ONE)).unwrap())
            .collect();
        assert_eq!(hub.listen("ann").unwrap_err(), Crowd::Full);
        listeners.pop();
        assert_eq!(hub.listen("member 0").unwrap_err(), Crowd::OfOne(Hub::MOST_OF_ONE));
        listeners.push(hub.listen("ann").unwrap());
        drop(listeners);
        assert!(!hub.is_heard() && hub.listening.lock().is_empty());
    }

    #[test]
    fn a_line_end_in_what_is_told_ends_no_line_of_the_stream() {
        let hub = Hub::new();
        let mut listener = hub.listen("ann").unwrap();
        hub.tell("refused", &"a\n\nevent: forged");
        assert_eq!(heard(&mut listener), ["event: refused\ndata: \"a\\n\\nevent: forged\"\n\n"]);
    }
}
