//! The exchange: the script that stores lines of this process, decides over requests, and tells the others' lines.
//!
//! All three happen in one step on the server, so what is decided is decided by the lines that are told. Lines are absolute and
//! numbered: one with a smaller number than the stored one changes nothing, so a call that is lost, doubled or late does no harm.
//!
//! Numbers are sent in one array: how long a silent process's line goes on rising, for how long accounts are kept after their
//! window, how many requests there are, a line for each account, and each request with its claims. The answer is one array, too: the
//! server's clock, for each account which line was there before and the sum of the others', and for each request the verdict and a
//! few bits for each part of its claims. [`answer`] reads nothing that is longer or shorter than that.

use smallvec::SmallVec;

use super::account::is_windowed;
use super::{Account, Arguments};
use crate::model::{FROZEN_AFTER, Line, Micros, UnixMicros};
use crate::store::{Ask, Charge, Claim, Counts, Part, Relief};

/// The script's text.
pub(crate) const SCRIPT: &str = include_str!("exchange.lua");

/// How long accounts are kept after their window, for processes whose clocks are late: 10 minutes.
const GRACE_MS: u64 = 600_000;

/// This process's line of an account, as it is sent.
///
/// The line is absolute and told for the moment of the call: what this process has spent in the window, in microseconds or
/// requests; what it holds and waits for, in microseconds; and how many of its requests run and are admitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) account: Account,
    /// The start of the window that the line belongs to.
    pub(crate) window: UnixMicros,
    /// What is left of that window.
    pub(crate) left: Micros,
    pub(crate) line: Line,
}

/// A request that the server is to decide over.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// Whether it is charged and never refused.
    pub(crate) is_forced: bool,
    /// The parts of the claims, each with the position of its account among the lines that are sent, counted from 1.
    pub(crate) parts: SmallVec<[(usize, Part, &'a Claim); 4]>,
}

/// Which line of this process the server had before.
///
/// It tells whether the server still knows this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// An older one than that which was sent.
    Older,
    /// A newer one: then nothing was stored.
    Newer,
    /// No line at all: nothing was published before, or the server has lost it.
    None,
}

/// What the server said.
///
/// An answer is about accounts and requests in the order of the call, whatever was decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// For each account which line of this process was there, and the others' lines.
    pub(crate) accounts: Vec<(Before, Line)>,
    /// For each request what was decided.
    pub(crate) verdicts: Vec<Decided>,
}

/// What the server has decided over one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    /// Whether it is admitted; `None` if that was not decided.
    pub(crate) admitted: Option<bool>,
    /// What became of each part of its claims.
    pub(crate) parts: SmallVec<[Outcome; 4]>,
}

/// What became of a part of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whether it is on the account now: a refused request can be, where refusals are counted.
    pub(crate) is_charged: bool,
    /// Whether its limit refuses.
    pub(crate) refuses: bool,
    /// Whether the request is the first of a client whose number it is on.
    pub(crate) is_new: bool,
}

/// Writes a call: this process's lines, numbered from `first_number` on, the requests, and what the first account is to be
/// relieved of; that is answered as a request with one part is.
pub(crate) fn arguments(
    prefix: &str,
    process: [u8; 8],
    first_number: u64,
    lines: &[Own],
    questions: &[Question<'_>],
    relief: Option<Relief>,
) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.push_bytes(&process);
    arguments.push(FROZEN_AFTER.0);
    arguments.push(GRACE_MS);
    arguments.push(questions.len() as u64 + u64::from(relief.is_some()));
    for (own, number) in lines.iter().zip(first_number..) {
        push_line(prefix, own, number, &mut arguments);
    }
    for question in questions {
        push_question(question, &mut arguments);
    }
    if let Some(relief) = relief {
        push_relief(relief, &mut arguments);
    }
    arguments
}

/// Reads an answer over so many accounts and over requests whose claims have so many parts each; `None` if no server of this kind
/// would give it.
pub(crate) fn answer(
    numbers: Vec<i64>,
    accounts: usize,
    parts: impl Iterator<Item = usize>,
) -> Option<Answer> {
    let mut numbers = numbers.into_iter();
    let _clock = numbers.next();
    let accounts = (0..accounts).map(|_| read_account(&mut numbers)).collect::<Option<_>>()?;
    let verdicts = parts.map(|parts| read_verdict(&mut numbers, parts)).collect::<Option<_>>()?;
    numbers.next().is_none().then_some(Answer { accounts, verdicts })
}

fn read_account(numbers: &mut impl Iterator<Item = i64>) -> Option<(Before, Line)> {
    let before = match numbers.next()? {
        0 => Before::Older,
        1 => Before::Newer,
        2 => Before::None,
        _ => return None,
    };
    let net = numbers.next()?;
    let running = u32::try_from(numbers.next()?).ok()?;
    let held = u64::try_from(numbers.next()?).ok()?;
    let admitted = u32::try_from(numbers.next()?).ok()?;
    let waiting = u64::try_from(numbers.next()?).ok()?;
    let _left = numbers.next()?;
    Some((before, Line { net, held, waiting, running, admitted }))
}

fn read_verdict(numbers: &mut impl Iterator<Item = i64>, parts: usize) -> Option<Decided> {
    let admitted = match numbers.next()? {
        0 => Some(false),
        1 => Some(true),
        2 => None,
        _ => return None,
    };
    let parts = (0..parts).map(|_| Outcome::read(numbers.next()?)).collect::<Option<_>>()?;
    Some(Decided { admitted, parts })
}

impl Outcome {
    const CHARGED: i64 = 1;
    const REFUSES: i64 = 2;
    const NEW: i64 = 4;

    fn read(code: i64) -> Option<Self> {
        let is = |bit| code & bit != 0;
        let outcome =
            Self { is_charged: is(Self::CHARGED), refuses: is(Self::REFUSES), is_new: is(Self::NEW) };
        (0..8).contains(&code).then_some(outcome)
    }
}

fn push_line(prefix: &str, own: &Own, number: u64, arguments: &mut Arguments) {
    own.account.push_name(prefix, own.window, arguments);
    arguments.push(number);
    if is_windowed(own.window) {
        arguments.push(own.left.0);
    } else {
        arguments.push(-1);
    }
    let Line { net, held, waiting, running, admitted } = own.line;
    arguments.push(net);
    arguments.push(running);
    arguments.push(held);
    arguments.push(admitted);
    arguments.push(waiting);
}

fn push_question(question: &Question<'_>, arguments: &mut Arguments) {
    arguments.push(u8::from(question.is_forced));
    arguments.push(question.parts.len() as u64);
    for (account, part, claim) in &question.parts {
        let Ask { quota, charge, rule, counts, shadow, .. } = claim.ask;
        let (kind, amount) = kind(*part, charge);
        arguments.push(*account as u64);
        arguments.push(kind);
        arguments.push(if *part == Part::Clients { u64::MAX } else { quota });
        arguments.push(amount);
        arguments.push(rule);
        arguments.push(match counts {
            Counts::Served => 0_u8,
            Counts::All => 1,
            Counts::Refusals => 2,
        });
        arguments.push(u8::from(shadow));
    }
}

fn push_relief(relief: Relief, arguments: &mut Arguments) {
    let (kind, amount) = match relief {
        Relief::Grant(amount) => (7, amount),
        Relief::Reset => (8, 0),
    };
    // It is forced, has one part, which is about the first account, and counts as what is served does.
    for number in [1, 1, 1, kind, 0, amount, 0, 0, 0] {
        arguments.push(number);
    }
}

/// What a part of a claim is to the script, and its amount.
const fn kind(part: Part, charge: Charge) -> (u8, u64) {
    match (part, charge) {
        (Part::Whole, Charge::Time { expected }) => (0, expected.0),
        (Part::Whole, Charge::Requests { cost }) => (1, cost),
        (_, Charge::Place) => (2, 0),
        (Part::Clients, Charge::Time { .. }) => (3, 0),
        (Part::Clients, Charge::Requests { .. }) => (4, 0),
        (Part::Share, Charge::Time { expected }) => (5, expected.0),
        (Part::Share, Charge::Requests { cost }) => (6, cost),
    }
}
