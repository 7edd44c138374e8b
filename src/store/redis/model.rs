//! A model of the server for tests: the exchange, in Rust, by a clock that the test moves.

use std::collections::HashMap;

use redis::Value;

use super::link::Arguments;
use crate::model::line::FROZEN_AFTER;

/// One process's line as the server keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    number: i64,
    at: i64,
    pub(super) spent: i64,
    running: i64,
    held: i64,
    admitted: i64,
}

/// The server: accounts by key, in each a line by process.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) accounts: HashMap<String, HashMap<Vec<u8>, Stored>>,
    ends: HashMap<String, i64>,
}

/// An account while a call is worked on.
struct Open<'a> {
    key: &'a str,
    number: i64,
    left: i64,
    own: Stored,
    others: Stored,
    state: i64,
}

const NOTHING: Stored = Stored { number: 0, at: 0, spent: 0, running: 0, held: 0, admitted: 0 };
const NEWER: i64 = 1;
const UNKNOWN: i64 = 2;

impl Model {
    /// Does what `exchange.lua` does, for candidates of one claim that counts what is served.
    pub(super) fn exchange(&mut self, arguments: &Arguments, now: i64) -> Value {
        let values: Vec<&[u8]> = arguments.values().collect();
        let process = values[0].to_vec();
        let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse::<i64>().unwrap();
        let mut numbers = values[3..].iter().map(|value| number(value));
        let candidates = numbers.next().unwrap();
        let mut take = || numbers.next().unwrap();
        let mut open: Vec<_> =
            arguments.keys.iter().map(|key| self.open(key, &process, now, &mut take)).collect();
        let mut reply = vec![now];
        for account in &open {
            let Stored { spent, running, held, admitted, .. } = account.others;
            reply.extend([account.state, spent, running, held, admitted, account.left]);
        }
        for _ in 0..candidates {
            reply.extend(decide(&mut open, &mut take));
        }
        for account in open {
            self.store(&account, &process, now);
        }
        Value::Array(reply.into_iter().map(Value::Int).collect())
    }

    /// What all processes together have charged to all accounts.
    pub(super) fn spent(&self) -> i64 {
        self.accounts.values().flat_map(HashMap::values).map(|line| line.spent).sum()
    }

    fn open<'a>(&self, key: &'a str, process: &[u8], now: i64, take: &mut impl FnMut() -> i64) -> Open<'a> {
        let (number, left) = (take(), take());
        let (spent, running, held, admitted) = (take(), take(), take(), take());
        let own = Stored { number, at: now, spent, running, held, admitted };
        let mut account = Open { key, number, left, own, others: NOTHING, state: UNKNOWN };
        for (other, line) in self.accounts.get(key).into_iter().flatten() {
            if other == process {
                account.state = i64::from(line.number >= number);
            } else {
                add(&mut account.others, line, now);
            }
        }
        if let Some(ends) = self.ends.get(key) {
            account.left = account.left.min((ends - now).max(0));
        }
        account
    }

    fn store(&mut self, account: &Open<'_>, process: &[u8], now: i64) {
        let Stored { spent, admitted, .. } = account.own;
        if account.state == NEWER || (account.state == UNKNOWN && spent == 0 && admitted == 0) {
            return;
        }
        self.ends.entry(account.key.to_owned()).or_insert(now + account.left);
        self.accounts.entry(account.key.to_owned()).or_default().insert(process.to_vec(), account.own);
        debug_assert!(account.own.number == account.number, "a line keeps its number");
    }
}

fn add(sum: &mut Stored, line: &Stored, now: i64) {
    sum.spent += line.spent;
    if now - line.at <= FROZEN_AFTER.0 as i64 {
        let risen = line.running * (now - line.at).max(0);
        sum.spent += risen;
        sum.running += line.running;
        sum.held += line.held + risen;
        sum.admitted += line.admitted;
    }
}

fn decide(open: &mut [Open<'_>], take: &mut impl FnMut() -> i64) -> [i64; 2] {
    let (force, claims) = (take(), take());
    assert_eq!(claims, 1, "the model decides over single claims");
    let account = &mut open[take() as usize - 1];
    let (kind, quota, amount) = (take(), take(), take());
    let (_rule, _counts, _shadow) = (take(), take(), take());
    let spent = account.others.spent + account.own.spent;
    let admitted = account.others.admitted + account.own.admitted;
    let hold = (account.others.held + account.own.held).min(admitted.saturating_mul(account.left));
    let fits = match kind {
        0 => spent + hold < quota,
        1 => spent + amount.max(1) <= quota,
        _ => admitted < quota,
    };
    let refuses = if fits { 0 } else { 2 };
    if account.state == NEWER {
        return [2, refuses];
    }
    if force == 0 && !fits {
        return [0, refuses];
    }
    match kind {
        0 => {
            account.own.running += 1;
            account.own.held += amount;
            account.own.admitted += 1;
        }
        1 => account.own.spent += amount,
        _ => account.own.admitted += 1,
    }
    [1, refuses + 1]
}
