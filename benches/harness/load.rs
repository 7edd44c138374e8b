//! A hello-world server under load: the server's own CPU time a request, over the bare app's.

use std::io::{BufRead, BufReader, Result};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::{self, Requests};
use super::estimate::Estimate;
use super::stats::median;
use super::target::Target;
use super::traffic::Traffic;

const SLICE: Duration = Duration::from_secs(1);

/// Prints the table: each subject and kind of traffic, in ratios to the bare app.
///
/// Slices of the subject stand between slices of the bare app, and each is compared with its two neighbours: what
/// the machine does meanwhile falls on both.
pub(crate) fn print(subjects: &[&str]) {
    let slices = std::env::var("SLICES").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    println!(
        "hello-world server, 1 worker, 32 connections, {slices} slices of 1 s between slices of the bare app\n"
    );
    println!("| subject | traffic | CPU a request ÷ bare (95 %) | wall time a request ÷ bare | requests/s |");
    println!("|---|---|---:|---:|---:|");
    compare("bare", Traffic::One, slices);
    for subject in subjects {
        for traffic in Traffic::ALL {
            compare(subject, traffic, slices);
        }
    }
}

/// Measures one row and prints it; the bare app against itself shows the harness's own error.
fn compare(subject: &str, traffic: Traffic, slices: usize) {
    measure(subject, traffic, slices).expect("the loopback carries requests");
}

fn measure(subject: &str, traffic: Traffic, slices: usize) -> Result<()> {
    let bare = Target::of(subject).bare();
    let (mut bare, mut tested) = (Server::start(bare, traffic)?, Server::start(subject, traffic)?);
    let mut bares = vec![bare.slice()?];
    let mut tests = Vec::new();
    for _ in 0..slices {
        tests.push(tested.slice()?);
        bares.push(bare.slice()?);
    }
    let ratios = |figure: fn(&Slice) -> f64| -> Vec<f64> {
        let neighbours = bares.windows(2).map(|pair| f64::midpoint(figure(&pair[0]), figure(&pair[1])));
        tests.iter().zip(neighbours).map(|(test, bare)| figure(test) / bare).collect()
    };
    let (cpu, wall) = (Estimate::of(&ratios(|slice| slice.cpu)), Estimate::of(&ratios(|slice| slice.wall)));
    let rate = 1.0 / median(tests.iter().map(|slice| slice.wall).collect());
    println!(
        "| {subject} | {traffic} | {:.3} ({:.3}–{:.3}) | {:.3} ({:.3}–{:.3}) | {rate:.0} |",
        cpu.median, cpu.low, cpu.high, wall.median, wall.low, wall.high
    );
    Ok(())
}

/// What one request took in one slice, in seconds.
struct Slice {
    cpu: f64,
    wall: f64,
}

/// A child process that serves a subject; ended with this value.
struct Server {
    process: Child,
    port: u16,
    status: u16,
    requests: Requests,
}

impl Server {
    /// Starts a server and warms it up, which also spends the one request that some refusing subjects grant.
    fn start(subject: &str, traffic: Traffic) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", subject, &traffic.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output is piped")).read_line(&mut line)?;
        let port = line.trim().parse().expect("a server prints its port");
        let requests = Requests::new(Target::of(subject));
        let mut server = Self { process, port, status: traffic.status(subject), requests };
        client::send_one(port, &mut server.requests)?;
        server.slice()?;
        Ok(server)
    }

    fn slice(&mut self) -> Result<Slice> {
        let (began, cpu) = (Instant::now(), self.cpu()?);
        let answered = client::send(self.port, SLICE, self.status, &mut self.requests)? as f64;
        Ok(Slice { cpu: (self.cpu()? - cpu) / answered, wall: began.elapsed().as_secs_f64() / answered })
    }

    /// The seconds of user and system time that the process has had, in steps of 10 ms.
    fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name in parentheses may hold spaces; user and system time are fields 14 and 15 of the line.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
