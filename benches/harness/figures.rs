//! The figures of the instruction rows that are kept in the repository, and whether they still hold.

use std::fs;
use std::process::ExitCode;

use super::instructions::{self, Row};
use super::traffic::Traffic;

/// Where they are kept.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

/// How far a row may lie from its figure, as a part of it.
const TOLERANCE: f64 = 0.02;

/// How far any row may lie from its figure, in instructions.
///
/// The maps of actix hash with a seed of each process, and the linker lays the same code out otherwise for another folder: two
/// runs lie up to thirty instructions apart, which is more than the tolerance for the rows that cost the least.
const NOISE: f64 = 30.0;

const HEAD: &str = "\
# Instructions that a request adds to the bare app's: one account, every request a new one, refused.
# `./dev instructions` fails where one has risen by more than 2 %, and by more than the 30 by which two runs differ;
# `./dev instructions rewrite` writes what it measures.
";

/// Measures every row that is kept, and says how each compares; fails if one has risen too far.
pub(crate) fn check() -> ExitCode {
    let kept = kept();
    let mut measured = instructions::rows(&subjects(&kept));
    kept.iter().zip(&mut measured).for_each(|(kept, measured)| measure_again(kept, measured));
    println!("| subject | traffic | kept | measured | |\n|---|---|---:|---:|---|");
    let mut risen = 0;
    for (kept, measured) in kept.iter().zip(&measured) {
        for (at, traffic) in Traffic::ALL.into_iter().enumerate() {
            let (kept, found) = (kept.added[at], measured.added[at]);
            let verdict = verdict(kept, found);
            let (kept, found) = (instructions::figure(kept), instructions::figure(found));
            println!("| {} | {traffic} | {kept} | {found} | {verdict} |", measured.subject);
            risen += u32::from(verdict == RISEN);
        }
    }
    if risen == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "{risen} figures have risen by more than 2 % and 30; if that has to be: ./dev instructions rewrite"
    );
    ExitCode::FAILURE
}

/// How often a row that has risen is measured again: code that costs more does so in each run.
const AGAIN: u32 = 2;

/// Measures a row that has risen again, and keeps the least of each figure.
fn measure_again(kept: &Row, measured: &mut Row) {
    for _ in 0..AGAIN {
        let mut figures = kept.added.into_iter().zip(measured.added);
        if figures.all(|(kept, found)| verdict(kept, found) != RISEN) {
            return;
        }
        let again = instructions::rows(&[&measured.subject]).remove(0);
        for (found, again) in measured.added.iter_mut().zip(again.added) {
            *found = found.zip(again).map(|(found, again)| found.min(again));
        }
    }
}

/// Measures every row that is kept, and keeps what it finds.
pub(crate) fn rewrite() -> ExitCode {
    let kept = kept();
    let lines: String = instructions::rows(&subjects(&kept)).iter().map(line).collect();
    print!("{lines}");
    fs::write(FILE, format!("{HEAD}{lines}")).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    ExitCode::SUCCESS
}

const RISEN: &str = "RISEN";

fn verdict(kept: Option<f64>, found: Option<f64>) -> &'static str {
    let (Some(kept), Some(found)) = (kept, found) else { return "" };
    let allowed = (kept * TOLERANCE).max(NOISE);
    if found > kept + allowed {
        RISEN
    } else if found < kept - allowed {
        "fallen: ./dev instructions rewrite"
    } else {
        ""
    }
}

fn kept() -> Vec<Row> {
    let text = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    let kept: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(read).collect();
    assert!(!kept.is_empty(), "{FILE} holds no figures");
    kept
}

fn subjects(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.subject.as_str()).collect()
}

/// Reads a line: the subject and its three figures.
fn read(line: &str) -> Row {
    let mut words = line.split_whitespace();
    let subject = words.next().unwrap_or_default().to_owned();
    let figures: Vec<Option<f64>> = words.map(|word| word.parse().ok()).collect();
    let added =
        figures.try_into().unwrap_or_else(|_| panic!("{line:?}: expected a subject and three figures"));
    Row { subject, added, bare: 0.0 }
}

fn line(row: &Row) -> String {
    let [one, many, refused] = row.added.map(instructions::figure);
    format!("{:24}{one:>6}{many:>6}{refused:>6}\n", row.subject)
}
