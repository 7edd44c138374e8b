//! The two small scripts: the beat, and the probe that comes before the first one.
//!
//! The beat is called once a second. It tells whether the server still is what it was, what time it is there, and who else is.
//!
//! The probe is called once per connection, by its text. It reads and writes as the exchange will: without it a process that may
//! beat and not exchange, for want of a permission, would heal with each connection and fail with each request.

use crate::store::redis::script::{Arguments, FORMAT};

/// The text of the beat.
pub(crate) const SCRIPT: &str = include_str!("beat.lua");

/// After how many microseconds of silence a process counts no more for equal shares.
const FORGOTTEN_AFTER: u64 = 10_000_000;

/// What the server said.
///
/// `clock` is what windows are cut by. `era` is compared and never read: where it is another one, everything is published once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// The server's clock, in microseconds since 1970.
    pub(crate) clock: i64,
    /// Another text than before where the server has lost its data.
    pub(crate) era: Vec<u8>,
    /// The processes heard of lately, this one included.
    pub(crate) processes: u32,
    /// How often something that was spent has been returned, by whatever process.
    pub(crate) returns: i64,
}

/// What the script answers, as the connection hands it over.
pub(crate) type Reply = (i64, Vec<u8>, i64, i64);

/// Writes a call; `returned` says whether something was returned since the last one.
pub(crate) fn arguments(prefix: &str, process: [u8; 8], new_era: u64, returned: bool) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.push_key(format!("{prefix}{FORMAT}:beat").as_bytes());
    arguments.push_bytes(&process);
    arguments.push_bytes(&new_era.to_le_bytes());
    arguments.push(FORGOTTEN_AFTER);
    arguments.push(u8::from(returned));
    arguments
}

/// Reads an answer; `None` if no server of this kind would give it.
pub(crate) fn answer((clock, era, processes, returns): Reply) -> Option<Beat> {
    let processes = u32::try_from(processes).ok().filter(|processes| *processes > 0)?;
    // A clock before 1970 or after 2100 is none.
    let is_clock = (0..4_102_444_800_000_000).contains(&clock);
    is_clock.then_some(Beat { clock, era, processes, returns })
}

/// The text of the probe.
pub(crate) const PROBE: &str = include_str!("probe.lua");

/// What the probe answers, as the connection hands it over.
pub(crate) type ProbeReply = i64;

/// Writes a call of the probe; in a cluster a script sees the keys of one hash tag only.
pub(crate) fn probe_arguments(prefix: &str, process: [u8; 8], is_clustered: bool) -> Arguments {
    let tags = if is_clustered { &["probe"][..] } else { &["probe", "another"] };
    let mut arguments = Arguments::default();
    for tag in tags {
        arguments.push_key(format!("{prefix}{FORMAT}:{{{tag}}}").as_bytes());
    }
    arguments.push_bytes(&process);
    arguments
}
