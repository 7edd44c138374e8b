//! How soon a change is in force, and what editing costs those who are served meanwhile.
//!
//! `cargo bench -p timebudget-control --bench changes` measures all, over real sockets, SQLite and a PostgreSQL server of
//! its own; `-- soon`, `-- scale` and `-- editing` measure one. Scale is 3,000 sites, 100,000 users with tiers, 10,000 overrides and
//! 5,000 API keys.

// The servers of the tests, of which a benchmark needs less than they do.
#[allow(dead_code)]
#[path = "../tests/db/postgres.rs"]
mod postgres;
#[path = "changes/scale.rs"]
mod scale;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use timebudget::{BudgetBuilder, TimeBudget};
use timebudget_control::thing::{Change, Policy, Ruleset, Thing};
use timebudget_control::{Actor, Control, Expect, Options};

const CHANGES: u32 = 200;
const RULESETS: u32 = 1_000;
/// How long requests are timed, without edits and with them.
const SLICE: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() {
    let only = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let wants = |table: &str| only.as_deref().is_none_or(|only| only == table);
    if wants("soon") {
        soon().await;
    }
    if wants("scale") {
        scale::soon().await;
    }
    if wants("editing") {
        editing().await;
    }
}

/// From the return of a change to the first request that meets it.
async fn soon() {
    println!("| {CHANGES} changes | median ms | p99 ms | most ms |");
    println!("|---|--:|--:|--:|");
    for (name, database) in [("PostgreSQL", Database::postgres().await), ("SQLite", Database::sqlite())] {
        let (own, other) = (Node::on(&database).await, Node::on(&database).await);
        own.put(Ruleset::parse("plans", &rules(1)).unwrap()).await;
        own.put(Policy::parse(r#"{"published": "plans", "unpublished": null}"#).unwrap()).await;
        for (whose, node) in [("the same node", &own), ("another node", &other)] {
            let mut delays = Vec::new();
            for change in 0..CHANGES {
                let quota = if whose == "the same node" { 1_000 + change } else { 3_000 + change };
                own.put(Ruleset::parse("plans", &rules(quota)).unwrap()).await;
                let stored = Instant::now();
                node.meets(u64::from(quota) * 1_000_000).await;
                delays.push(stored.elapsed());
            }
            row(&format!("{name}, {whose}"), delays);
        }
    }
}

/// A row of a table: what half of the spans, 99 of a hundred, and all of them do not exceed.
fn row(what: &str, mut spans: Vec<Duration>) {
    spans.sort();
    let millis = |part: usize| spans[spans.len() * part / 100].as_secs_f64() * 1e3;
    let most = spans[spans.len() - 1].as_secs_f64() * 1e3;
    println!("| {what} | {:.1} | {:.1} | {most:.1} |", millis(50), millis(99));
}

/// Requests while a thousand rulesets are edited, one after another, as fast as the database takes it.
async fn editing() {
    let database = Database::sqlite();
    let node = Arc::new(Node::on(&database).await);
    for number in 0..RULESETS {
        node.put(Ruleset::parse(&format!("plans-{number}"), &rules(1_000)).unwrap()).await;
    }
    node.put(Policy::parse(r#"{"published": "plans-0", "unpublished": null}"#).unwrap()).await;
    println!("\n| requests | sent | not served | median us | p99 us | edits/s |");
    println!("|---|--:|--:|--:|--:|--:|");
    for is_edited in [false, true, false, true] {
        let ends = Arc::new(AtomicBool::new(false));
        let edits = tokio::spawn({
            let (node, ends) = (Arc::clone(&node), Arc::clone(&ends));
            async move {
                let mut edits = 0;
                while is_edited && !ends.load(Ordering::Relaxed) {
                    let name = format!("plans-{}", edits % RULESETS);
                    node.put(Ruleset::parse(&name, &rules(2_000 + edits)).unwrap()).await;
                    edits += 1;
                }
                edits
            }
        });
        let address = node.address;
        let (mut spans, refused) = tokio::task::spawn_blocking(move || timed(address)).await.unwrap();
        ends.store(true, Ordering::Relaxed);
        let rate = f64::from(edits.await.unwrap()) / SLICE.as_secs_f64();
        spans.sort();
        let micros = |part: usize| spans[spans.len() * part / 100].as_micros();
        let what = if is_edited { "while rulesets are edited" } else { "alone" };
        println!("| {what} | {} | {refused} | {} | {} | {rate:.0} |", spans.len(), micros(50), micros(99));
    }
}

/// How long requests took, one every half millisecond, and how many were not served.
fn timed(address: SocketAddr) -> (Vec<Duration>, usize) {
    let (began, mut client) = (Instant::now(), Client::new(address));
    let (mut spans, mut refused) = (Vec::new(), 0);
    while began.elapsed() < SLICE {
        let sent = Instant::now();
        let answer = client.ask();
        spans.push(sent.elapsed());
        refused += usize::from(!answer.starts_with("HTTP/1.1 200"));
        thread::sleep(Duration::from_micros(500));
    }
    (spans, refused)
}

/// A ruleset of one rule with a budget of so many seconds.
fn rules(secs: u32) -> String {
    format!(r#"{{"rules": [{{"name": "plan", "key": "site", "limits": "{secs}s per day"}}]}}"#)
}

/// A database that goes with the value.
enum Database {
    Sqlite(tempfile::TempDir),
    Postgres { uri: String, _server: postgres::Server },
}

impl Database {
    fn sqlite() -> Self {
        Self::Sqlite(tempfile::TempDir::new().unwrap())
    }

    async fn postgres() -> Self {
        let server = postgres::Server::start("");
        Self::Postgres { uri: server.database().await, _server: server }
    }

    fn uri(&self) -> String {
        match self {
            Self::Sqlite(directory) => {
                format!("sqlite://{}", directory.path().join("timebudget.db").display())
            }
            Self::Postgres { uri, .. } => uri.clone(),
        }
    }
}

/// A node that serves what its control decides.
struct Node {
    control: Control,
    address: SocketAddr,
}

impl Node {
    async fn on(database: &Database) -> Self {
        Self::with(Options::new(database.uri()), |builder| builder.site_text("{}")).await
    }

    async fn with(options: Options, files: impl FnOnce(BudgetBuilder) -> BudgetBuilder) -> Self {
        let control = Control::open(options).await.expect("the database can be opened");
        let builder = files(TimeBudget::builder()).layer(control.layer());
        let budget = builder.build().expect("nothing is wrong with it");
        control.govern(&budget).expect("it has a layer");
        Self { control, address: served(budget) }
    }

    async fn put(&self, thing: impl Into<Thing>) {
        let actor = Actor::new("bench", None);
        self.control
            .change(actor, Change::put(thing.into()), None, Expect::default())
            .await
            .expect("it is stored");
    }

    /// Asks until a request meets this quota.
    async fn meets(&self, quota: u64) {
        let address = self.address;
        let asking = move || {
            let mut client = Client::new(address);
            let expected = format!("x-ratelimit-limit: {quota}\r\n");
            while !client.ask().contains(&expected) {
                thread::sleep(Duration::from_micros(200));
            }
        };
        tokio::task::spawn_blocking(asking).await.unwrap();
    }
}

/// Serves an application under a budget, on a thread of its own, until the process ends.
fn served(budget: TimeBudget) -> SocketAddr {
    let (sender, bound) = mpsc::channel();
    thread::spawn(move || {
        let server = HttpServer::new(move || {
            App::new().wrap(budget.clone()).default_service(web::to(async || "hello"))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).expect("a port is free");
        sender.send(server.addrs()[0]).expect("somebody waits for it");
        actix_web::rt::System::new().block_on(server.run())
    });
    bound.recv().expect("the server starts")
}

/// A connection that is kept.
struct Client(TcpStream);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn ask(&mut self) -> String {
        self.0.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let (mut answer, mut part) = (String::new(), [0; 4096]);
        // The answer is short, and its body ends it, if it is served.
        let is_refusal = |answer: &str| answer.contains("HTTP/1.1 ") && !answer.starts_with("HTTP/1.1 200");
        while !answer.ends_with("hello") && !is_refusal(&answer) {
            let read = self.0.read(&mut part).unwrap();
            assert!(read > 0, "the server hung up: {answer}");
            answer.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        answer
    }
}
