//! What many sites cost: to start with them, and to read them again when little has changed.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use timebudget::config::{Files, Options};
use timebudget::{Engine, Sites};

const SITES: usize = 3_000;
const ROUNDS: usize = 9;

/// What bench writes into a site's file, and what a plan adds.
const SITE: &str = r#"{
 "db_name": "_0123456789abcdef", "db_password": "0123456789abcdef", "db_type": "mariadb", "encryption_key": "0123456789abcdef",
 "domains": ["shop{at}.example", { "domain": "www{at}.example", "ssl_certificate": "/etc/ssl/{at}.pem" }],
 "time_zone": "{zone}", "rate_limit": { "limit": 3960.5, "window": 86400 },
 "rate_limit_rules": [
  { "name": "export", "when": { "path": { "prefix": "/export" } }, "key": ["ip", "route"], "limits": "60s per hour; 5 concurrent" }
 ] }"#;

/// What all sites inherit.
const COMMON: &str = r#"{ "rate_limit_trusted_proxies": ["10.0.0.0/8"], "rate_limit_exempt": { "path": "/health" },
 "rate_limit_headers": { "reset": "unix" } }"#;

const ZONES: [&str; 6] =
    ["Asia/Kolkata", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "Africa/Lagos", "UTC"];

fn main() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-of-sites");
    let _ = fs::remove_dir_all(&dir);
    (0..SITES).for_each(|at| write(&dir, at, 1));
    fs::write(dir.join("common_site_config.json"), COMMON).expect("the target directory can be written to");
    println!(
        "| {SITES} sites, their files in the system's cache | time | processor | files read |\n|---|---:|---:|---:|"
    );
    measure_start(&dir);
    measure_reloads(&dir);
    let _ = fs::remove_dir_all(dir);
}

fn measure_start(dir: &Path) {
    row("read, and put in force", SITES as u64 + 1, || {
        let mut files = files(dir);
        let taken = Taken::by(|| {
            let loaded = files.read().expect("sound files").loaded;
            black_box(Sites::new(loaded, Engine::in_memory()));
        });
        (taken, files.reads())
    });
}

fn measure_reloads(dir: &Path) {
    let mut files = files(dir);
    let sites = Sites::new(files.read().expect("sound files").loaded, Engine::in_memory());
    let mut reload = |change: &dyn Fn()| {
        // What has just been written may change once more within one step of the file system's clock.
        thread::sleep(Duration::from_millis(100));
        files.read().expect("sound files");
        change();
        let before = files.reads();
        let taken = Taken::by(|| sites.replace(files.read().expect("sound files").loaded));
        (taken, files.reads() - before)
    };
    row("read again, nothing has changed", 0, || reload(&|| {}));
    row("read again, one file has changed", 1, || reload(&|| write(dir, 7, 2)));
    row("read again, the common file has changed", 1, || {
        reload(&|| fs::write(dir.join("common_site_config.json"), COMMON).expect("it was written before"))
    });
    row("read again, one file is wrong", 1, || reload(&|| fs::write(file(dir, 7), "{").expect("a file")));
}

fn row(what: &str, files: u64, mut measure: impl FnMut() -> (Taken, u64)) {
    let mut measured: Vec<_> = (0..ROUNDS).map(|_| measure()).collect();
    assert!(measured.iter().all(|(_, read)| *read == files), "{what}: {measured:?}");
    measured.sort_unstable_by_key(|(taken, _)| taken.processor);
    let Taken { wall, processor } = &measured[ROUNDS / 2].0;
    println!("| {what} | {} ms | {} ms | {files} |", wall.as_millis(), processor.as_millis());
}

/// How long something has taken, and how much of that the thread had a processor.
#[derive(Debug)]
struct Taken {
    wall: Duration,
    processor: Duration,
}

impl Taken {
    fn by(work: impl FnOnce()) -> Self {
        let (began, had) = (Instant::now(), on_processor());
        work();
        Self { wall: began.elapsed(), processor: on_processor() - had }
    }
}

/// How long this thread has had a processor, user and system together: other builds on the machine do not matter to it.
fn on_processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number"))
}

fn files(dir: &Path) -> Files {
    Files::from_dir(dir, &Options::default())
}

fn file(dir: &Path, at: usize) -> PathBuf {
    dir.join(format!("site{at}.example/site_config.json"))
}

fn write(dir: &Path, at: usize, version: usize) {
    let path = file(dir, at);
    let zone = ZONES[at % ZONES.len()];
    let text = SITE
        .replace("{at}", &at.to_string())
        .replace("{zone}", zone)
        .replace("3960.5", &format!("396{version}.5"));
    fs::create_dir_all(path.parent().expect("a parent")).expect("the target directory can be written to");
    fs::write(path, text).expect("the target directory can be written to");
}
