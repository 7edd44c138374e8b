//! A model of the server for tests: both scripts, in Rust, by a clock that the test moves.
//!
//! `fidelity.rs` holds it against the scripts themselves.

use std::collections::HashMap;

use crate::model::FROZEN_AFTER;
use crate::store::redis::script::{Arguments, beat, unpack};

/// One process's line as the server keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) spent: i64,
    pub(crate) running: i64,
    pub(crate) held: i64,
    pub(crate) admitted: i64,
    pub(crate) waiting: i64,
}

/// The server: accounts by key, in each a line by process; and what the beats left.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) accounts: HashMap<String, HashMap<Vec<u8>, Stored>>,
    /// The ends of the accounts' windows.
    pub(crate) ends: HashMap<String, i64>,
    era: Option<Vec<u8>>,
    heard: HashMap<Vec<u8>, i64>,
    returns: i64,
}

/// An account while a call is worked on.
struct Open<'a> {
    key: &'a str,
    left: i64,
    own: Stored,
    others: Stored,
    state: i64,
    /// Whether it says anything, be it by whatever process.
    exists: bool,
    /// Processes whose lines have been silent for so long that they go.
    dead: Vec<Vec<u8>>,
}

/// A claim while a candidate is decided over.
struct Asked {
    account: usize,
    kind: i64,
    quota: i64,
    amount: i64,
    rule: i64,
    counts: i64,
    shadow: bool,
    full: bool,
}

const NOTHING: Stored = Stored { number: 0, at: 0, spent: 0, running: 0, held: 0, admitted: 0, waiting: 0 };
const NEWER: i64 = 1;
const UNKNOWN: i64 = 2;
const REQUESTS: i64 = 1;
const PLACE: i64 = 2;
const CLIENTS: [i64; 2] = [3, 4];
const SHARE_OF_TIME: i64 = 5;
const SHARES: [i64; 2] = [SHARE_OF_TIME, 6];
const GRANT: i64 = 7;
const RESET: i64 = 8;
const OF_REQUESTS: [i64; 3] = [REQUESTS, 4, 6];
const DEAD_AFTER: i64 = 60_000_000;
const SERVED: i64 = 0;
const ALL: i64 = 1;
const REFUSALS: i64 = 2;

impl Model {
    /// Does what `exchange.lua` does.
    pub(crate) fn exchange(&mut self, arguments: &Arguments, now: i64) -> Vec<i64> {
        let process = arguments.texts().next().unwrap().to_vec();
        let mut numbers = numbers(arguments).into_iter().skip(2);
        let candidates = numbers.next().unwrap();
        let mut take = || numbers.next().unwrap();
        let keys = arguments.keys().map(|key| std::str::from_utf8(key).unwrap());
        let mut open: Vec<_> = keys.map(|key| self.open(key, &process, now, &mut take)).collect();
        let mut reply = vec![now];
        for account in &open {
            let Stored { spent, running, held, admitted, waiting, .. } = account.others;
            reply.extend([account.state, spent, running, held, admitted, waiting, account.left]);
        }
        for _ in 0..candidates {
            reply.extend(decide(&mut open, &mut take));
        }
        for account in open {
            self.store(&account, &process, now);
        }
        reply
    }

    /// Does what `beat.lua` does.
    pub(crate) fn beat(&mut self, arguments: &Arguments, now: i64) -> beat::Reply {
        let texts: Vec<&[u8]> = arguments.texts().collect();
        let era = self.era.get_or_insert_with(|| texts[1].to_vec()).clone();
        self.heard.insert(texts[0].to_vec(), now);
        let [forgotten_after, returned] = numbers(arguments)[..] else { unreachable!("two numbers") };
        let known = self.heard.len() as i64;
        self.heard.retain(|_, at| (now - *at).abs() <= forgotten_after);
        let processes = self.heard.len() as i64;
        self.returns += returned + (known - processes);
        (now, era, processes, self.returns)
    }

    /// What all processes together have charged to all accounts.
    pub(crate) fn spent(&self) -> i64 {
        self.accounts.values().flat_map(HashMap::values).map(|line| line.spent).sum()
    }

    fn open<'a>(&self, key: &'a str, process: &[u8], now: i64, take: &mut impl FnMut() -> i64) -> Open<'a> {
        let (number, left) = (take(), take());
        let (spent, running, held, admitted, waiting) = (take(), take(), take(), take(), take());
        let own = Stored { number, at: now, spent, running, held, admitted, waiting };
        let (exists, dead) = (spent != 0 || admitted > 0, Vec::new());
        let mut account = Open { key, left, own, others: NOTHING, state: UNKNOWN, exists, dead };
        for (other, line) in self.accounts.get(key).into_iter().flatten() {
            account.exists = true;
            if other == process {
                account.state = i64::from(line.number >= number);
            } else {
                add(&mut account.others, line, now);
                account.dead.extend((left < 0 && (now - line.at).abs() > DEAD_AFTER).then(|| other.clone()));
            }
        }
        if let Some(ends) = self.ends.get(key) {
            account.left = account.left.min((ends - now).max(0));
        }
        account
    }

    fn store(&mut self, account: &Open<'_>, process: &[u8], now: i64) {
        for dead in &account.dead {
            self.accounts.get_mut(account.key).unwrap().remove(dead);
        }
        let Stored { spent, admitted, .. } = account.own;
        if account.state == NEWER || (account.state == UNKNOWN && spent == 0 && admitted == 0) {
            return;
        }
        if account.left >= 0 {
            self.ends.entry(account.key.to_owned()).or_insert(now + account.left);
        }
        self.accounts.entry(account.key.to_owned()).or_default().insert(process.to_vec(), account.own);
    }
}

impl Open<'_> {
    fn fits(&self, kind: i64, quota: i64, amount: i64) -> bool {
        let spent = (self.others.spent + self.own.spent).max(0);
        let admitted = self.others.admitted + self.own.admitted;
        let running = self.others.running + self.own.running;
        let hold = self.others.held + self.own.held;
        let hold = if self.left < 0 { hold } else { hold.min(running.saturating_mul(self.left)) };
        let waiting = self.others.waiting + self.own.waiting;
        let most = hold + (quota / 10).min((quota - spent).max(0) / 2);
        match kind {
            0 => spent + hold + waiting.min(most) < quota,
            REQUESTS => spent + amount.max(1) <= quota,
            _ => admitted < quota,
        }
    }

    fn spent(&self) -> i64 {
        self.others.spent + self.own.spent
    }

    fn charge(&mut self, kind: i64, amount: i64) {
        self.exists = true;
        if kind == GRANT || kind == RESET {
            self.own.spent -= if kind == GRANT { amount } else { self.spent().max(0) };
            return;
        }
        if ![0, PLACE, SHARE_OF_TIME].contains(&kind) {
            self.own.spent += amount;
            return;
        }
        self.own.admitted += 1;
        if kind != PLACE {
            self.own.running += 1;
            self.own.held += amount;
        }
    }
}

fn numbers(arguments: &Arguments) -> Vec<i64> {
    unpack(&arguments.packed().unwrap()).unwrap()
}

fn add(sum: &mut Stored, line: &Stored, now: i64) {
    sum.spent += line.spent;
    if (now - line.at).abs() <= FROZEN_AFTER.0 as i64 {
        let risen = line.running * (now - line.at).max(0);
        sum.spent += risen;
        sum.running += line.running;
        sum.held += line.held + risen;
        sum.admitted += line.admitted;
        sum.waiting += line.waiting;
    }
}

fn decide(open: &mut [Open<'_>], take: &mut impl FnMut() -> i64) -> Vec<i64> {
    let (force, claims) = (take() == 1, take());
    let mut claims: Vec<_> = (0..claims).map(|_| read_claim(open, take)).collect();
    for at in (0..claims.len()).filter(|at| SHARES.contains(&claims[*at].kind)).collect::<Vec<_>>() {
        weigh_share(open, &mut claims[at - 2..=at]);
    }
    let stale = claims.iter().any(|claim| open[claim.account].state == NEWER);
    let refused = !force && claims.iter().any(|claim| claim.full && !claim.shadow);
    let mut reply = vec![if stale { 2 } else { i64::from(!refused) }];
    for claim in &claims {
        let charged = !stale && is_counted(&claims, claim, force, refused);
        if charged {
            open[claim.account].charge(claim.kind, claim.amount);
        }
        let is_new = CLIENTS.contains(&claim.kind) && claim.amount > 0;
        reply.push(i64::from(charged) + 2 * i64::from(claim.full) + 4 * i64::from(is_new));
    }
    reply
}

fn read_claim(open: &[Open<'_>], take: &mut impl FnMut() -> i64) -> Asked {
    let account = take() as usize - 1;
    let (kind, quota, amount) = (take(), take(), take());
    let (rule, counts, shadow) = (take(), take(), take() == 1);
    let full = kind <= PLACE && !open[account].fits(kind, quota, amount);
    Asked { account, kind, quota, amount, rule, counts, shadow, full }
}

/// Weighs a client's share of an account, which stands before it with the number of its clients.
fn weigh_share(open: &[Open<'_>], claims: &mut [Asked]) {
    let [whole, clients, own] = claims else { unreachable!("three claims") };
    clients.amount = i64::from(!open[own.account].exists);
    let seen = open[clients.account].spent() + clients.amount;
    let is_much = open[whole.account].spent() * 5 >= whole.quota * 4;
    own.full = is_much && open[own.account].spent() * seen.max(1) >= whole.quota;
}

fn is_counted(claims: &[Asked], claim: &Asked, force: bool, refused: bool) -> bool {
    let rule_fits = claims.iter().all(|other| other.rule != claim.rule || !other.full);
    let others_refuse = claims.iter().any(|other| other.rule != claim.rule && other.full && !other.shadow);
    match (refused, claim.counts) {
        (false, counts) => counts != REFUSALS && (force || rule_fits),
        (true, SERVED) => false,
        (true, _) if !OF_REQUESTS.contains(&claim.kind) => false,
        (true, ALL) => rule_fits,
        (true, _) => others_refuse,
    }
}
