//! The beat: whether the server still is what it was, what time it is there, and who else is.

use redis::Value;

use super::link::Arguments;
use super::settings::Settings;
use super::trouble::Trouble;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick};

/// The script's text.
pub(super) const SCRIPT: &str = include_str!("beat.lua");

/// After how many microseconds of silence a process counts no more for equal shares.
const FORGOTTEN_AFTER: u64 = 10_000_000;

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    /// The server's clock, in microseconds since 1970.
    pub(super) clock: i64,
    /// Another text than before where the server has lost its data.
    pub(super) era: Vec<u8>,
    pub(super) processes: u32,
    /// How often something that was spent has been returned, by whatever process.
    pub(super) returns: i64,
}

/// A beat, and when it was.
pub(super) struct Heard {
    pub(super) beat: Beat,
    /// The moment between the call and the answer, to which the server's clock belongs.
    pub(super) at: Now,
    /// How long the answer took: half of it may be wrong about that moment.
    pub(super) took: Micros,
}

impl Heard {
    /// What was answered at `now` to a call of an earlier tick.
    pub(super) fn new(beat: Beat, sent_at: Tick, now: Now) -> Self {
        let took = now.tick.since(sent_at);
        let half = took.0 as i64 / 2;
        let at = Now { tick: Tick(now.tick.0 - half), utc: now.utc.plus(-half), ..now };
        Self { beat, at, took }
    }
}

/// Writes a call; `returned` says whether something was returned since the last one.
pub(super) fn arguments(settings: &Settings, process: [u8; 8], new_era: u64, returned: bool) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.keys.push(format!("{}1:beat", settings.prefix));
    arguments.push_bytes(&process);
    arguments.push_bytes(&new_era.to_le_bytes());
    arguments.push(FORGOTTEN_AFTER);
    arguments.push(u8::from(returned));
    arguments
}

pub(super) fn answer(value: Value) -> Result<Beat, Trouble> {
    let (clock, era, processes, returns): (i64, Vec<u8>, u32, i64) =
        redis::from_redis_value(value).map_err(|_| Trouble::Nonsense)?;
    // A clock before 1970 or after 2100 is none.
    let sensible = (0..4_102_444_800_000_000).contains(&clock) && processes > 0;
    if sensible { Ok(Beat { clock, era, processes, returns }) } else { Err(Trouble::Nonsense) }
}
