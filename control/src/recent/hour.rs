//! The ring: requests in chunks, of which the oldest go when there is no more room for them, or when an hour has passed.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use timebudget::{Clock, UnixMicros};

use crate::recent::OfHour;
use crate::recent::names::{Names, beginning};

/// For how long requests are kept, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// How many requests go together, at most.
const CHUNK: usize = 1_024;

/// For how long requests are put to those before them: so what is kept goes within a minute of its hour.
const MINUTE: i64 = 60_000_000;

/// How much of a path, or of a user's name, is kept, in bytes.
const LONGEST: usize = 1_024;

/// The requests of the last hour.
pub(crate) struct Hour {
    pub(crate) clock: Arc<dyn Clock>,
    /// How many bytes they may take.
    most: usize,
    ring: Mutex<Ring>,
}

struct Ring {
    /// Full ones, the oldest first.
    chunks: VecDeque<Arc<Chunk>>,
    /// The one that is filled.
    open: Chunk,
    /// How many bytes the full ones take.
    bytes: usize,
    /// From when on all requests are known.
    since: UnixMicros,
}

/// Requests that go together, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) requests: Vec<Passed>,
    /// The names that they have in common: they go with them, so that no client fills the room of others by what it asks for.
    names: Names,
    /// Their paths, and the names of their users, which go with them.
    text: String,
    /// When the last of them ended.
    newest: UnixMicros,
    /// When the first of them was put here.
    begun: UnixMicros,
}

/// A request that has passed. Texts are numbers of the [`Names`] of its chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    /// When its head had come.
    pub(crate) start: UnixMicros,
    /// From then to the end of its response, in microseconds.
    pub(crate) elapsed: u64,
    /// The most that a limit of time has charged it; 0 where none has.
    pub(crate) charged: u64,
    /// Whether it was made free.
    pub(crate) waived: bool,
    /// As the rules of its site saw it.
    pub(crate) client: Option<IpAddr>,
    pub(crate) site: u32,
    /// The configured name that it asked for.
    pub(crate) host: u32,
    pub(crate) method: u32,
    /// The pattern of its route; 0 where it reached none.
    pub(crate) pattern: u32,
    /// The rule that has refused it; 0 where none has.
    pub(crate) rule: u32,
    /// The name of its API key; 0 where it had none that is known.
    pub(crate) api_key: u32,
    pub(crate) status: u16,
    path: (u32, u32),
    user: (u32, u32),
}

/// What is told of a request when it has ended.
#[derive(Default)]
pub(crate) struct Ended<'a> {
    pub(crate) start: UnixMicros,
    pub(crate) elapsed: u64,
    pub(crate) charged: u64,
    pub(crate) waived: bool,
    pub(crate) client: Option<IpAddr>,
    pub(crate) site: &'a str,
    pub(crate) host: &'a str,
    pub(crate) method: &'a str,
    pub(crate) pattern: &'a str,
    pub(crate) rule: &'a str,
    pub(crate) status: u16,
    pub(crate) path: &'a str,
    /// Who the client is; empty where nobody knows.
    pub(crate) user: &'a str,
    /// The name of its API key; empty where it had none that is known.
    pub(crate) api_key: &'a str,
}

/// All that is kept at one moment.
pub(crate) struct Kept {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// The names of all chunks, and by chunk which of them is which.
    pub(crate) names: Vec<Arc<str>>,
    numbers: Vec<Vec<u32>>,
    /// From when on all requests are known.
    pub(crate) since: UnixMicros,
    /// When it is.
    pub(crate) now: UnixMicros,
}

impl Hour {
    /// Nothing yet, of at most so many bytes.
    pub(crate) fn new(clock: Arc<dyn Clock>, most: usize) -> Self {
        let since = clock.now().wall();
        let ring = Ring { chunks: VecDeque::new(), open: Chunk::default(), bytes: 0, since };
        Self { clock, most, ring: Mutex::new(ring) }
    }

    /// Keeps a request that has ended.
    pub(crate) fn add(&self, ended: &Ended<'_>) {
        let gone = {
            let mut ring = self.ring.lock();
            ring.add(ended);
            if ring.open.requests.len() < CHUNK { None } else { Some(ring.close(self.most)) }
        };
        // Freed without the lock.
        drop(gone);
    }

    /// Forgets what is older than an hour: to be called often, whether or not requests come.
    pub(crate) fn forget(&self) {
        let now = self.clock.now().wall();
        let gone = self.ring.lock().forget(now, self.most);
        drop(gone);
    }

    /// All that is kept.
    pub(crate) fn kept(&self) -> Kept {
        self.forget();
        let now = self.clock.now().wall();
        let (chunks, since) = {
            let ring = self.ring.lock();
            let open = Arc::new(ring.open.clone());
            (ring.chunks.iter().cloned().chain([open]).collect(), ring.since)
        };
        Kept::of(chunks, since.max(UnixMicros(now.0 - HOUR)), now)
    }
}

impl Kept {
    fn of(chunks: Vec<Arc<Chunk>>, since: UnixMicros, now: UnixMicros) -> Self {
        let mut names = Names::default();
        let mut numbers: Vec<_> = chunks.iter().map(|chunk| vec![0; chunk.names.texts().len()]).collect();
        // Methods are what clients like: where there is no room for all, it is they who have none.
        for are_methods in [false, true] {
            for (chunk, numbers) in chunks.iter().zip(&mut numbers) {
                for passed in &chunk.requests {
                    let Passed { site, host, method, pattern, rule, api_key, .. } = *passed;
                    let own = if are_methods { [method; 5] } else { [site, host, pattern, rule, api_key] };
                    for own in own.map(|own| own as usize) {
                        if numbers[own] == 0 {
                            numbers[own] = names.number(&chunk.names.texts()[own]);
                        }
                    }
                }
            }
        }
        Self { chunks, names: names.texts().to_vec(), numbers, since, now }
    }

    /// All requests, in the order in which they ended.
    pub(crate) fn requests(&self) -> impl Iterator<Item = OfHour<'_>> {
        self.chunks.iter().zip(&self.numbers).flat_map(move |(chunk, numbers)| {
            let of = move |passed| OfHour { passed, chunk, names: &self.names, numbers };
            chunk.requests.iter().map(of)
        })
    }
}

impl Ring {
    fn add(&mut self, ended: &Ended<'_>) {
        let Ended { start, elapsed, charged, waived, client, status, .. } = *ended;
        let (path, user) = (self.open.keep(ended.path), self.open.keep(ended.user));
        let number = |text: &str| if text.is_empty() { 0 } else { self.open.names.number(text) };
        let Ended { site, host, method, pattern, rule, api_key, .. } = *ended;
        let [site, host, method, pattern, rule, api_key] =
            [site, host, method, pattern, rule, api_key].map(number);
        let now = start.plus(i64::try_from(elapsed).unwrap_or(i64::MAX));
        if self.open.requests.is_empty() {
            self.open.begun = now;
        }
        self.open.newest = self.open.newest.max(now);
        self.open.requests.push(Passed {
            start,
            elapsed,
            charged,
            waived,
            client,
            site,
            host,
            method,
            pattern,
            rule,
            api_key,
            status,
            path,
            user,
        });
    }

    /// Begins another chunk, and takes away what has no room.
    #[cold]
    fn close(&mut self, most: usize) -> Vec<Arc<Chunk>> {
        let mut full = std::mem::take(&mut self.open);
        self.open.requests.reserve_exact(full.requests.len());
        self.open.text.reserve_exact(full.text.len());
        full.requests.shrink_to_fit();
        full.text.shrink_to_fit();
        full.names.close();
        self.bytes += full.bytes();
        self.chunks.push_back(Arc::new(full));
        let mut gone = Vec::new();
        // The open one is about as large as the others.
        while self.bytes + self.bytes / self.chunks.len().max(1) > most && !self.chunks.is_empty() {
            gone.extend(self.drop_oldest());
        }
        gone
    }

    fn drop_oldest(&mut self) -> Option<Arc<Chunk>> {
        let oldest = self.chunks.pop_front()?;
        self.bytes -= oldest.bytes();
        self.since = self.since.max(oldest.newest.plus(1));
        Some(oldest)
    }

    fn forget(&mut self, now: UnixMicros, most: usize) -> Vec<Arc<Chunk>> {
        let is_old = !self.open.requests.is_empty() && self.open.begun.0 <= now.0 - MINUTE;
        let mut gone = if is_old { self.close(most) } else { Vec::new() };
        while self.chunks.front().is_some_and(|chunk| chunk.newest.0 < now.0 - HOUR) {
            gone.extend(self.drop_oldest());
        }
        gone
    }
}

impl Chunk {
    fn keep(&mut self, text: &str) -> (u32, u32) {
        let from = self.text.len() as u32;
        self.text.push_str(beginning(text, LONGEST));
        (from, self.text.len() as u32)
    }

    /// The path of one of its requests.
    pub(crate) fn path(&self, passed: &Passed) -> &str {
        self.of(passed.path)
    }

    /// Who has sent it; empty where nobody knows.
    pub(crate) fn user(&self, passed: &Passed) -> &str {
        self.of(passed.user)
    }

    fn of(&self, (from, to): (u32, u32)) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        let requests = self.requests.capacity() * size_of::<Passed>();
        size_of::<Self>() + requests + self.text.capacity() + self.names.bytes()
    }
}

impl fmt::Debug for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hour").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use timebudget::ManualClock;

    use super::*;
    use crate::replay::Past as _;

    const BEGINNING: UnixMicros = UnixMicros::from_secs(1_767_225_600);

    fn add(hour: &Hour, path: &str) {
        hour.add(&Ended {
            start: hour.clock.now().wall(),
            elapsed: 1_000,
            charged: 1_000,
            waived: false,
            client: Some([192, 0, 2, 7].into()),
            site: "shop.example",
            host: "shop.example",
            method: "GET",
            pattern: "",
            rule: "",
            status: 200,
            path,
            user: "ann",
            api_key: "",
        });
    }

    fn paths(kept: &Kept) -> Vec<String> {
        let of = |chunk: &Arc<Chunk>| {
            chunk.requests.iter().map(|passed| chunk.path(passed).to_owned()).collect::<Vec<_>>()
        };
        kept.chunks.iter().flat_map(of).collect()
    }

    #[test]
    fn what_passed_is_kept_in_its_order_for_an_hour() {
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let hour = Hour::new(Arc::clone(&clock) as _, 1 << 20);
        for minute in 0..90 {
            add(&hour, &format!("/{minute}"));
            clock.advance(Duration::from_secs(60));
            hour.forget();
        }
        let kept = paths(&hour.kept());
        assert_eq!((kept.first().unwrap().as_str(), kept.last().unwrap().as_str()), ("/30", "/89"));
        clock.advance(Duration::from_secs(3_601));
        hour.forget();
        assert_eq!(paths(&hour.kept()), Vec::<String>::new());
    }

    #[test]
    fn there_are_no_more_than_there_is_room_for_and_from_when_on_is_told() {
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let hour = Hour::new(Arc::clone(&clock) as _, 1 << 20);
        assert_eq!(hour.kept().since, BEGINNING);
        for request in 0..40 * CHUNK {
            add(&hour, &format!("/request/{request}"));
            clock.advance(Duration::from_millis(1));
        }
        let kept = hour.kept();
        let bytes: usize = kept.chunks.iter().map(|chunk| chunk.bytes()).sum();
        assert!(bytes <= 1 << 20, "{bytes}");
        let paths = paths(&kept);
        assert!(paths.len() > 5 * CHUNK && paths.len() < 40 * CHUNK, "{}", paths.len());
        assert_eq!(paths.last().unwrap(), &format!("/request/{}", 40 * CHUNK - 1));
        let first = kept.chunks[0].requests[0];
        assert!(kept.since > BEGINNING && kept.since <= first.start.plus(1_000), "{:?}", kept.since);
    }

    /// Names were 65,536 at most, and for good: of whoever came later nothing was known, and a refusal was none.
    #[test]
    fn no_stranger_takes_the_room_of_names() {
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let hour = Hour::new(Arc::clone(&clock) as _, 1 << 20);
        for request in 0..70_000 {
            named(&hour, &format!("A{request}"), "");
        }
        named(&hour, "GET", "new");
        let kept = hour.kept();
        let bytes: usize = kept.chunks.iter().map(|chunk| chunk.bytes()).sum();
        assert!(bytes <= 1 << 20, "{bytes}");
        let last = kept.requests().last().unwrap();
        assert!(last.was_refused());
        assert_eq!(last.method(), "GET");
        clock.advance(Duration::from_secs(3_700));
        assert_eq!(hour.kept().names.len(), 1, "what is gone is forgotten");
    }

    fn named(hour: &Hour, method: &str, rule: &str) {
        hour.add(&Ended {
            start: hour.clock.now().wall(),
            elapsed: 1_000,
            charged: 1_000,
            waived: false,
            client: None,
            site: "shop.example",
            host: "shop.example",
            method,
            pattern: "",
            rule,
            status: 200,
            path: "/",
            user: "",
            api_key: "",
        });
    }

    #[test]
    fn a_path_that_is_long_is_cut_between_letters() {
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let hour = Hour::new(clock, 1 << 20);
        add(&hour, &format!("/{}", "é".repeat(10_000)));
        assert_eq!(paths(&hour.kept())[0].len(), LONGEST - 1);
    }
}
