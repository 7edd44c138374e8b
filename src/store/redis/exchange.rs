//! One call of the exchange: what is sent, and what comes back.

use std::fmt::Write as _;

use redis::Value;

use super::candidate::Candidate;
use super::core::Core;
use super::link::Arguments;
use super::peers::Account;
use super::trouble::Trouble;
use crate::model::line::{FROZEN_AFTER, Line};
use crate::model::now::Now;
use crate::model::units::UnixMicros;
use crate::store::{Charge, Counts, Mode};

/// The script's text.
pub(super) const SCRIPT: &str = include_str!("exchange.lua");

/// How long accounts are kept after their window, for processes whose clocks are late: 10 minutes.
const GRACE_MS: u64 = 600_000;

/// The version of what is stored, part of every key.
const FORMAT: u8 = 1;

/// The accounts of a call, each with the window that its line belongs to.
pub(super) type Sent = Vec<(Account, UnixMicros)>;

/// Which line of this process the server had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Older,
    /// Then nothing was stored.
    Newer,
    None,
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// For each account which line of this process was there, and the others' lines.
    pub(super) accounts: Vec<(Own, Line)>,
    /// For each candidate whether it is admitted, `None` if that was not decided, and a code for each claim.
    pub(super) verdicts: Vec<(Option<bool>, Vec<u8>)>,
}

/// Writes a call: this process's lines of `accounts`, and the claims of the candidates.
pub(super) fn arguments(
    core: &Core,
    process: [u8; 8],
    first_number: u64,
    accounts: &[Account],
    candidates: &[Candidate],
    now: Now,
) -> (Arguments, Sent) {
    let mut arguments = Arguments::default();
    arguments.push_bytes(&process);
    arguments.push(FROZEN_AFTER.0);
    arguments.push(GRACE_MS);
    arguments.push(candidates.len());
    let numbers = first_number..;
    let sent = accounts
        .iter()
        .zip(numbers)
        .map(|(account, number)| push_line(core, *account, number, now, &mut arguments))
        .collect();
    for candidate in candidates {
        push_candidate(candidate, accounts, &mut arguments);
    }
    (arguments, sent)
}

/// Reads an answer over so many accounts and over candidates with so many claims each.
pub(super) fn answer(
    value: Value,
    accounts: usize,
    claims: impl Iterator<Item = usize>,
) -> Result<Answer, Trouble> {
    let numbers: Vec<i64> = redis::from_redis_value(value).map_err(|_| Trouble::Nonsense)?;
    let mut numbers = numbers.into_iter();
    let _clock = numbers.next();
    read(&mut numbers, accounts, claims).filter(|_| numbers.next().is_none()).ok_or(Trouble::Nonsense)
}

fn read(
    numbers: &mut impl Iterator<Item = i64>,
    accounts: usize,
    claims: impl Iterator<Item = usize>,
) -> Option<Answer> {
    let accounts = (0..accounts).map(|_| read_account(numbers)).collect::<Option<_>>()?;
    let verdicts = claims.map(|claims| read_verdict(numbers, claims)).collect::<Option<_>>()?;
    Some(Answer { accounts, verdicts })
}

fn read_account(numbers: &mut impl Iterator<Item = i64>) -> Option<(Own, Line)> {
    let own = match numbers.next()? {
        0 => Own::Older,
        1 => Own::Newer,
        2 => Own::None,
        _ => return None,
    };
    let spent = u64::try_from(numbers.next()?).ok()?;
    let running = u32::try_from(numbers.next()?).ok()?;
    let held = u64::try_from(numbers.next()?).ok()?;
    let admitted = u32::try_from(numbers.next()?).ok()?;
    let waiting = u64::try_from(numbers.next()?).ok()?;
    let _left = numbers.next()?;
    Some((own, Line { spent, held, waiting, running, admitted }))
}

fn read_verdict(numbers: &mut impl Iterator<Item = i64>, claims: usize) -> Option<(Option<bool>, Vec<u8>)> {
    let verdict = match numbers.next()? {
        0 => Some(false),
        1 => Some(true),
        2 => None,
        _ => return None,
    };
    let code = |number: i64| u8::try_from(number).ok().filter(|code| *code < 4);
    let codes = (0..claims).map(|_| numbers.next().and_then(code)).collect::<Option<_>>()?;
    Some((verdict, codes))
}

fn push_line(
    core: &Core,
    account: Account,
    number: u64,
    now: Now,
    arguments: &mut Arguments,
) -> (Account, UnixMicros) {
    let (line, in_force) = core.memory.line(account.book, account.key, now);
    let window = in_force.window.start;
    arguments.keys.push(key(&core.settings.prefix, account, window));
    arguments.push(number);
    if is_windowed(window) {
        arguments.push(in_force.left(now).0);
    } else {
        arguments.push(-1);
    }
    arguments.push(line.spent);
    arguments.push(line.running);
    arguments.push(line.held);
    arguments.push(line.admitted);
    arguments.push(line.waiting);
    (account, window)
}

fn push_candidate(candidate: &Candidate, accounts: &[Account], arguments: &mut Arguments) {
    arguments.push(u8::from(candidate.mode == Mode::Force));
    arguments.push(candidate.asked().count());
    for claim in candidate.asked() {
        let position = accounts.iter().position(|account| *account == Account::of(claim));
        // The accounts are those of the candidates; 0 would make the script fail, and harm nothing.
        arguments.push(position.map_or(0, |position| position + 1));
        let (kind, amount) = match claim.charge {
            Charge::Time { expected } => (0_u8, expected.0),
            Charge::Requests { cost } => (1, cost),
            Charge::Place => (2, 0),
        };
        arguments.push(kind);
        arguments.push(claim.quota);
        arguments.push(amount);
        arguments.push(claim.rule);
        arguments.push(match claim.counts {
            Counts::Served => 0_u8,
            Counts::All => 1,
            Counts::Refusals => 2,
        });
        arguments.push(u8::from(claim.shadow));
    }
}

/// The name of an account: the format's version, the key's hash as hash tag, the book, and the window's start.
///
/// Accounts of one key share the tag, and with it the slot.
fn key(prefix: &str, account: Account, window: UnixMicros) -> String {
    let mut name = format!("{prefix}{FORMAT}:{{");
    let [_, key @ ..] = account.key.0;
    push_text(&mut name, &key);
    name.push('}');
    // Books are few: two of the salt's three words tell them apart, and save every account 8 bytes.
    push_text(&mut name, &account.book.salt[..2]);
    if is_windowed(window) {
        // Writing to a String cannot fail.
        let _ = write!(name, ":{}", window.secs());
    }
    name
}

const fn is_windowed(window: UnixMicros) -> bool {
    window.0 != i64::MIN
}

/// The words' bits in base 64 (RFC 4648, section 5), from the right.
fn push_text(name: &mut String, words: &[u32]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = words.iter().fold(0_u128, |bits, word| (bits << 32) | u128::from(*word));
    for place in (0..(32 * words.len()).div_ceil(6)).rev() {
        let digit = (bits >> (6 * place)) as usize & 63;
        name.push(char::from(DIGITS[digit]));
    }
}
