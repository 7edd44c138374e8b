//! `timebudget zone`.

use std::process::Output;

use crate::running::timebudget;
use crate::scratch::Scratch;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_zone_is_printed_with_its_data_transitions_and_windows() {
    let output = timebudget(["zone", "Europe/Paris"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    let begins = |start: &str| text.lines().any(|line| line.starts_with(start));
    for start in ["Europe/Paris", "  data ", "  now ", "next transitions", "windows around now"] {
        assert!(begins(start), "{start:?} in\n{text}");
    }
    for period in ["hour", "day", "week", "month", "year"] {
        assert!(begins(&format!("  {period} ")), "{period} in\n{text}");
    }
}

#[test]
fn a_machine_without_a_tz_database_uses_the_built_in_one() {
    let empty = Scratch::new();
    let output = timebudget(["zone", "Europe/Paris"]).env("TZDIR", empty.path("")).output().unwrap();
    assert!(stdout(&output).contains("  data    built-in tz database 20"), "{}", stdout(&output));
}

#[test]
fn an_unknown_zone_is_answered_by_the_nearest_known_one() {
    let output = timebudget(["zone", "Europe/Pari"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("did you mean \"Europe/Paris\"?"), "{error}");
}

#[test]
fn a_name_that_leads_elsewhere_is_no_zone() {
    for name in ["../../etc/passwd", "/etc/localtime", "posixrules", "", "\u{1F600}"] {
        let output = timebudget(["zone", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = timebudget(["zone", "UTC"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}
