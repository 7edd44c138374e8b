//! The model is held against the scripts: the same random calls to both, the second of them in a real server.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{iter, thread};

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestRunner;
use redis::{Connection, FromRedisValue};

use super::model::{Model, Stored};
use crate::store::redis::link::command;
use crate::store::redis::script::{Arguments, beat, exchange, unpack};

/// The first call's moment, later than any test is run: what is stored does not expire.
const START: i64 = 4_000_000_000_000_000;

const KEYS: [&str; 4] = ["{a}cap", "{a}one", "{a}two", "{a}three"];

/// A server of the test's own, and the connection to it.
struct Server {
    process: Child,
    connection: Connection,
}

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = option_env!("TIMEBUDGET_REDIS_SERVER").unwrap_or("redis-server");
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is needed for this test: install redis-server (Debian) or redis");
        let client = redis::Client::open(("127.0.0.1", port)).unwrap();
        let connect = || {
            thread::sleep(Duration::from_millis(20));
            client.get_connection().ok()
        };
        let connection = iter::repeat_with(connect).take(1_000).flatten().next().expect("it answers");
        Self { process, connection }
    }

    /// Runs a script as if its server's clock read `now`.
    fn run<T: FromRedisValue>(&mut self, script: &str, arguments: &Arguments, now: i64) -> T {
        let (secs, micros) = (now / 1_000_000, now % 1_000_000);
        let text = format!(
            "local server = redis local redis = {{ call = function(verb, ...) \
             if verb == 'TIME' then return {{ '{secs}', '{micros}' }} end \
             return server.call(verb, ...) end }} {script}"
        );
        command("EVAL", &text, arguments).query(&mut self.connection).unwrap()
    }

    fn exchange(&mut self, arguments: &Arguments, now: i64) -> Vec<i64> {
        unpack(&self.run::<Vec<u8>>(exchange::SCRIPT, arguments, now)).unwrap()
    }

    /// The lines of an account, and the end of its window.
    fn account(&mut self, key: &str) -> (BTreeMap<Vec<u8>, Stored>, Option<i64>) {
        const READ: &str = "local ends, lines = '', {} \
             local fields = redis.call('HGETALL', KEYS[1]) \
             for at = 1, #fields, 2 do \
             if fields[at] == 'e' then ends = fields[at + 1] else \
             lines[#lines + 1] = { fields[at], cmsgpack.unpack(fields[at + 1]) } end end \
             return { ends, lines }";
        type Line = (Vec<u8>, i64, i64, i64, i64, i64, i64, i64);
        let mut read = redis::cmd("EVAL");
        let (ends, lines): (String, Vec<Line>) =
            read.arg(READ).arg(1).arg(key).query(&mut self.connection).unwrap();
        let lines =
            lines.into_iter().map(|(process, number, at, spent, running, held, admitted, waiting)| {
                (process, Stored { number, at, spent, running, held, admitted, waiting })
            });
        (lines.collect(), ends.parse().ok())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Between calls so much time passes; then a process calls.
#[derive(Clone, Debug)]
enum Call {
    Exchange { pass: i64, process: u8, lines: Vec<(usize, [i64; 7])>, candidates: Vec<Candidate> },
    Beat { pass: i64, process: u8, era: u8, returned: u8 },
}

/// Whether it is forced, and for each claim the account and six numbers.
type Candidate = (u8, Vec<(prop::sample::Index, [i64; 6])>);

/// Number, left, spent, running, held, admitted and waiting. Of a cap there is no window.
fn line(key: usize) -> impl Strategy<Value = (usize, [i64; 7])> {
    let left = if key == 0 { Just(-1).boxed() } else { (0..5_000_000i64).boxed() };
    let few = prop_oneof![2 => Just(0i64), 3 => 0..5i64];
    let numbers = (
        1..12i64,
        left,
        prop_oneof![Just(0i64), -500_000..2_000_000i64],
        few.clone(),
        0..900_000i64,
        few,
        0..900_000i64,
    );
    numbers.prop_map(move |(number, left, spent, running, held, admitted, waiting)| {
        (key, [number, left, spent, running, held, admitted, waiting])
    })
}

/// A claim, by its account and by kind, quota, amount, rule, counts and shadow.
type Claim = (prop::sample::Index, [i64; 6]);

/// The claims of a limit: one, or the three of one that is fair.
fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let fair = (claim(), any::<[prop::sample::Index; 2]>(), 0..2i64);
    let fair = fair.prop_map(|((whole, [_, quota, amount, rule, counts, shadow]), [clients, own], kind)| {
        let of = |kind, amount| [kind, quota, amount, rule, counts, shadow];
        vec![(whole, of(kind, amount)), (clients, of(3 + kind, 0)), (own, of(5 + kind, amount))]
    });
    let relief = (claim(), 7..9i64).prop_map(|((account, [_, rest @ ..]), kind)| {
        let [quota, amount, rule, _, shadow] = rest;
        vec![(account, [kind, quota, amount, rule, 0, shadow])]
    });
    prop_oneof![3 => claim().prop_map(|claim| vec![claim]), 1 => fair, 1 => relief]
}

fn claim() -> impl Strategy<Value = Claim> {
    let quota = prop_oneof![0..12i64, 0..6_000_000i64];
    let numbers = (0..3i64, quota, prop_oneof![0..4i64, 0..500_000i64], 0..3i64, 0..3i64, 0..2i64);
    (any::<prop::sample::Index>(), numbers.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]))
}

fn call() -> impl Strategy<Value = Call> {
    let pass = prop_oneof![
        0..2_000_000i64,
        Just(9_000_000i64),
        Just(61_000_000i64),
        Just(-500_000i64),
        Just(-61_000_000i64)
    ];
    let lines = subsequence(vec![0, 1, 2, 3], 1..4)
        .prop_flat_map(|keys| keys.into_iter().map(line).collect::<Vec<_>>());
    let candidate = (0..2u8, prop::collection::vec(claims(), 1..4).prop_map(|claims| claims.concat()));
    let candidates = prop::collection::vec(candidate, 0..4);
    prop_oneof![
        6 => (pass.clone(), 0..3u8, lines, candidates).prop_map(|(pass, process, lines, candidates)| {
            Call::Exchange { pass, process, lines, candidates }
        }),
        1 => (pass, 0..3u8, any::<u8>(), 0..2u8).prop_map(|(pass, process, era, returned)| Call::Beat { pass, process, era, returned }),
    ]
}

fn exchange_of(process: u8, lines: &[(usize, [i64; 7])], candidates: &[Candidate]) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.push_bytes(&[process; 8]);
    arguments.push(crate::model::FROZEN_AFTER.0);
    arguments.push(600_000_u64);
    arguments.push(candidates.len() as u64);
    for (key, numbers) in lines {
        arguments.push_key(KEYS[*key].as_bytes());
        numbers.iter().for_each(|number| arguments.push(*number));
    }
    for (force, claims) in candidates {
        arguments.push(*force);
        arguments.push(claims.len() as u64);
        for (account, numbers) in claims {
            arguments.push(account.index(lines.len()) as u64 + 1);
            numbers.iter().for_each(|number| arguments.push(*number));
        }
    }
    arguments
}

fn beat_of(process: u8, era: u8, returned: u8) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.push_key(b"beat");
    arguments.push_bytes(&[process; 8]);
    arguments.push_bytes(&[era]);
    arguments.push(10_000_000_u64);
    arguments.push(returned);
    arguments
}

impl Server {
    /// Does the calls one after another, each of them here and by the model.
    fn follow(&mut self, calls: &[Call]) -> Result<(), TestCaseError> {
        let () = redis::cmd("FLUSHALL").query(&mut self.connection).unwrap();
        let (mut model, mut now) = (Model::default(), START);
        for call in calls {
            match call {
                Call::Exchange { pass, process, lines, candidates } => {
                    now += pass;
                    let arguments = exchange_of(*process, lines, candidates);
                    let answer = self.exchange(&arguments, now);
                    prop_assert_eq!(answer, model.exchange(&arguments, now));
                }
                Call::Beat { pass, process, era, returned } => {
                    now += pass;
                    let arguments = beat_of(*process, *era, *returned);
                    let answer: beat::Reply = self.run(beat::SCRIPT, &arguments, now);
                    prop_assert_eq!(answer, model.beat(&arguments, now));
                }
            }
            for key in KEYS {
                let (lines, ends) = self.account(key);
                let known = model.accounts.get(key).cloned().unwrap_or_default();
                prop_assert_eq!(lines, BTreeMap::from_iter(known));
                prop_assert_eq!(ends, model.ends.get(key).copied());
            }
        }
        Ok(())
    }
}

#[test]
fn the_model_does_what_the_scripts_do() {
    let mut server = Server::start();
    // What failed is printed with the seed, and kept beside this file.
    let config = ProptestConfig { cases: 300, ..ProptestConfig::with_source_file(file!()) };
    let server = RefCell::new(&mut server);
    let calls = prop::collection::vec(call(), 1..20);
    let followed = TestRunner::new(config).run(&calls, |calls| server.borrow_mut().follow(&calls));
    if let Err(failure) = followed {
        panic!("{failure}");
    }
}

/// A process had died with all places of a cap, and the server's clock was set back by an hour: for that hour nobody got
/// one.
#[test]
fn what_was_stored_before_the_clock_was_set_back_holds_no_place() {
    let mut server = Server::start();
    let all_places = exchange_of(1, &[(0, [1, -1, 0, 0, 0, 5, 0])], &[]);
    server.exchange(&all_places, START);
    let mut ask = Arguments::default();
    ask.push_key(KEYS[0].as_bytes());
    ask.push_bytes(&[2; 8]);
    // How long a line goes on, how long an account is kept, and one candidate; its line; its claim on one of five places.
    for number in [3_000_000, 600_000, 1, 1, -1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 5, 0, 0, 0, 0] {
        ask.push(number);
    }
    for (later, verdict) in [(1_000_000, 0), (-3_600_000_000, 1)] {
        let answer = server.exchange(&ask, START + later);
        assert_eq!(answer[8], verdict, "{later} µs later: {answer:?}");
    }
}

/// What two had spent came to more than a number of an answer can be, and was read as less than nothing: one account kept
/// every process from asking.
#[test]
fn sums_that_leave_the_range_of_numbers_are_the_most_there_is() {
    let mut server = Server::start();
    for process in [1, 2] {
        let line = exchange_of(process, &[(1, [1, 60_000_000, i64::MAX, 0, 0, 0, 0])], &[]);
        server.exchange(&line, START);
    }
    let read = exchange_of(3, &[(1, [1, 60_000_000, 0, 0, 0, 0, 0])], &[]);
    let answer = server.exchange(&read, START);
    let answer = exchange::answer(answer, 1, iter::empty()).expect("an answer that makes sense");
    assert_eq!(answer.accounts[0].1.net, 1 << 53);
}
