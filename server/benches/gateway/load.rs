//! CPU time a request, of the gateway and of others that limit.

use std::path::Path;
use std::time::Instant;

use crate::application;
use crate::subject::Subject;

/// What is asked for, and how often in a slice.
const LOADS: [(&str, u64); 3] = [("/small", 20_000), ("/64k", 6_000), ("/1m", 600)];

/// How often each is measured, unless `SLICES` says otherwise.
const SLICES: usize = 7;

pub(crate) fn measure(directory: &Path) {
    let application = application(directory);
    let address = application.address;
    let mut subjects = vec![
        ("nginx", Subject::limiting_nginx(directory, address)),
        ("timebudget", Subject::timebudget(&[], directory, address, &[])),
        ("haproxy", Subject::haproxy(directory, address)),
    ];
    match Subject::pingora(address) {
        Some(pingora) => subjects.push(("pingora", pingora)),
        None => println!(
            "without pingora: cargo build --release --manifest-path benches/pingora/Cargo.toml (which needs cmake)"
        ),
    }
    let slices = std::env::var("SLICES").ok().and_then(|slices| slices.parse().ok()).unwrap_or(SLICES);
    println!("{:8} {:12} {:>14} {:>9} {:>10}", "load", "subject", "CPU µs/request", "÷ nginx", "requests/s");
    for (target, requests) in LOADS {
        let mut measured = vec![Vec::new(); subjects.len()];
        for _ in 0..slices {
            for (subject, measured) in subjects.iter().zip(&mut measured) {
                measured.push(slice(&subject.1, target, requests));
            }
        }
        for ((name, _), own) in subjects.iter().zip(&measured) {
            let cpu = median(own.iter().map(|(cpu, _)| *cpu));
            let ratio = median(own.iter().zip(&measured[0]).map(|(own, nginx)| own.0 / nginx.0));
            let rate = median(own.iter().map(|(_, rate)| *rate));
            println!("{target:8} {name:12} {cpu:14.1} {ratio:9.2} {rate:10.0}");
        }
    }
}

/// CPU microseconds a request, and requests a second.
fn slice(subject: &Subject, target: &str, requests: u64) -> (f64, f64) {
    let (before, begun) = (subject.cpu_micros(), Instant::now());
    subject.ask(target, requests, 32);
    let elapsed = begun.elapsed().as_secs_f64();
    ((subject.cpu_micros() - before) / requests as f64, requests as f64 / elapsed)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
