//! How many lines of a log `timebudget replay` reads in a second, on one core.
//!
//! A log is made as nginx writes it, in its format `combined` and `$request_time`: two thousand requests a second, of 100,000 clients,
//! for a few hundred routes. It is replayed by none, one and two rules, which refuse nothing or nearly everything. `LINES` says
//! how long it is, ten million unless told; it takes 140 bytes a line below the directory for temporary files.

use std::fs::{self, File};
use std::hash::BuildHasher as _;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use foldhash::quality::FixedState;

const SITES: [(&str, &str); 4] = [
    ("no rule", "{}"),
    ("time of the site", r#"{ "rate_limit": "600000s per hour" }"#),
    ("and requests by address", r#"{ "rate_limit": "600000s per hour; 10000 per hour" }"#),
    ("the same, mostly refused", r#"{ "rate_limit": "600s per hour; 1000 per hour" }"#),
];

fn main() -> io::Result<()> {
    let lines = std::env::var("LINES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000_000_u64);
    let directory = std::env::temp_dir().join(format!("timebudget-replay-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let result = measure(&directory, lines);
    fs::remove_dir_all(&directory)?;
    result
}

fn measure(directory: &Path, lines: u64) -> io::Result<()> {
    let log = directory.join("access.log");
    write_log(&log, lines)?;
    println!("{lines} lines, {} MB", fs::metadata(&log)?.len() / 1_000_000);
    println!("{:25} {:>14} {:>16} {:>14}", "rules", "lines/s", "lines/s of CPU", "peak memory");
    for (name, text) in SITES {
        let site = directory.join("site.json");
        fs::write(&site, text)?;
        let (wall, cpu, peak) = replay(&log, &site)?;
        let rate = |secs: f64| format!("{:.0}", lines as f64 / secs);
        println!("{name:25} {:>14} {:>16} {peak:>11} MB", rate(wall), rate(cpu));
    }
    Ok(())
}

/// How many seconds a replay takes by the clock and of the processor, and the most memory that it has, in megabytes.
fn replay(log: &Path, site: &Path) -> io::Result<(f64, f64, u64)> {
    let (begun, cpu) = (Instant::now(), children_cpu_secs()?);
    let mut child = Command::new(env!("CARGO_BIN_EXE_timebudget"))
        .args(["replay".as_ref(), log.as_os_str(), "--site".as_ref(), site.as_os_str()])
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) / 1_000);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    Ok((begun.elapsed().as_secs_f64(), children_cpu_secs()? - cpu, peak))
}

/// The processor's time of all children that have ended: the fields `cutime` and `cstime` of proc(5), in hundredths of a second.
fn children_cpu_secs() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    Ok(fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

fn write_log(path: &Path, lines: u64) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut random = Random(0);
    for line in 0..lines {
        let second = line / 2_000;
        let (day, hour, minute) = (1 + second / 86_400, second / 3_600 % 24, second / 60 % 60);
        // Few clients ask for much, and many for little.
        let client = (random.next() % 100_000) * (random.next() % 1_000) / 1_000;
        let (route, id) = (random.next() % 20, random.next() % 10_000);
        let millis = 1 + random.next() % 20 + if random.next().is_multiple_of(100) { 1_500 } else { 0 };
        writeln!(
            file,
            "10.{}.{}.{} - - [{day:02}/Oct/2026:{hour:02}:{minute:02}:{:02} +0000] \"GET /api/v2/part{route}/{id}?page=2 HTTP/1.1\" \
             200 5120 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\" {}.{:03}",
            client >> 16,
            client >> 8 & 255,
            client & 255,
            second % 60,
            millis / 1_000,
            millis % 1_000,
        )?;
    }
    file.flush()
}

/// Hashes of numbers that follow each other: the same log each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        FixedState::default().hash_one(self.0)
    }
}
