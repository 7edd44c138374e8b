//! What a burst spends of a budget over real sockets, where what runs is ended at the budget's end and where it is not.
//!
//! `cargo bench -p timebudget --bench hard_budgets`

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use timebudget::{Engine, Overrun, TimeBudget};

/// As many as ask at once, each for one answer after another.
const CLIENTS: u64 = 64;
const BUDGET: Duration = Duration::from_secs(60);
/// Of the log-normal times that answers take: the mean is a second, and one of a hundred takes more than ten.
const SIGMA: f64 = 1.5;
const MEAN_MILLIS: f64 = 1_000.0;

fn main() -> Result<()> {
    println!("{CLIENTS} clients at once, log-normal times (mean 1 s, sigma 1.5), a budget of {BUDGET:?}\n");
    println!("| overrun | final spend / budget | whole answers |");
    println!("|---|--:|--:|");
    for (name, overrun) in [("finish", Overrun::Finish), ("cut", Overrun::Cut)] {
        let burst = burst(overrun)?;
        let ratio = burst.spent.as_secs_f64() / BUDGET.as_secs_f64();
        println!("| {name} | {ratio:.4} | {} |", burst.answers);
    }
    Ok(())
}

struct Burst {
    spent: Duration,
    answers: u64,
}

/// Has all clients ask until each is refused, or its request is ended.
fn burst(overrun: Overrun) -> Result<Burst> {
    let engine = Engine::in_memory();
    let rule = TimeBudget::rule("site", format!("{}s per hour", BUDGET.as_secs())).overrun(overrun);
    let budget = rule.engine(&engine).build().expect("the rule is right");
    let served = budget.clone();
    let server = HttpServer::new(move || App::new().wrap(served.clone()).route("/{millis}", web::to(sleep)));
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0))?;
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    let serving = thread::spawn(move || actix_web::rt::System::new().block_on(server));
    let clients: Vec<_> = (0..CLIENTS).map(|seed| thread::spawn(move || client(address, seed))).collect();
    let answers = clients.into_iter().map(|client| client.join().expect("no client panics")).sum();
    let runtime = actix_web::rt::System::new();
    // What is not ended goes on to its own end, and is charged.
    runtime.block_on(handle.stop(true));
    serving.join().expect("the server does not panic")?;
    let account = budget.engine().accounts().of("*", "site", ()).expect("the rule is in force");
    let standing = runtime.block_on(account.read()).expect("memory does not fail").remove(0);
    Ok(Burst { spent: Duration::from_micros(standing.spent), answers })
}

async fn sleep(millis: web::Path<u64>) -> &'static str {
    actix_web::rt::time::sleep(Duration::from_millis(*millis)).await;
    "done"
}

/// Asks for one answer after another, and returns how many were whole before the one that was not.
fn client(address: SocketAddr, seed: u64) -> u64 {
    let mut random = Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let is_served = |millis: u64| -> Result<bool> {
        let mut connection = TcpStream::connect(address)?;
        write!(connection, "GET /{millis} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"))
    };
    let mut served = 0;
    while is_served(random.millis()).unwrap_or(false) {
        served += 1;
    }
    served
}

/// Xorshift: the same times in every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A log-normal time.
    fn millis(&mut self) -> u64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (MEAN_MILLIS * SIGMA.mul_add(normal, -SIGMA * SIGMA / 2.0).exp()) as u64
    }
}
