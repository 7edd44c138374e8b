//! What many sites cost: to start with them, and to read them again when little has changed.

#[path = "harness/directory.rs"]
mod directory;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use timebudget::config::{Files, Options};
use timebudget::{Engine, Sites};

use crate::directory::{SITES, file, write, write_all, write_common};

const ROUNDS: usize = 9;

fn main() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-of-sites");
    write_all(&dir);
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
    row("read again, the common file has changed", 1, || reload(&|| write_common(dir)));
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
