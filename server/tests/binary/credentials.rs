//! What people type of passwords, and what their environment holds of them, is repeated nowhere.

use std::process::Output;

use crate::running::timebudget;

const PASSWORD: &str = "hunter2";

/// All that was printed, of a command that fails.
fn told(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The message of a wrong `--upstream` repeated it, user, password and all.
#[test]
fn no_message_of_the_command_line_repeats_a_password() {
    let nowhere = ["serve", "--listen", "127.0.0.1:0"];
    for (args, shown) in [
        (&["--upstream", "http://me:hunter2@app:3000"][..], "'http://…@app:3000' for '--upstream <URI>'"),
        (&["--upstream=http://me:hunter2@app"], "'http://…@app' for '--upstream <URI>'"),
        (&["--upstream", "me:hunter2@app:3000"], "'…@app:3000' for '--upstream <URI>'"),
        (&["--upstream", "http://hunter2@app:3000"], "'http://…@app:3000'"),
        // A password may be written as no URI can hold it.
        (&["--upstream", "http://me:hun@ter/hunter2 ?@app"], "'http://…@app'"),
        (&["--upstream", "https://app/?password=hunter2&db=1"], "'https://app/?…'"),
        (&["--admin", "http://me:hunter2@127.0.0.1"], "'http://…@127.0.0.1' for '--admin <ADDR>'"),
        (&["--workers", "redis://:hunter2@cache"], "'redis://…@cache' for '--workers <N>'"),
        // A URI whose option was forgotten, or misspelt.
        (&["redis://:hunter2@cache/0"], "'redis://…@cache/0'"),
        (&["--stroe=redis://:hunter2@cache/0"], "'--stroe'"),
        (&["--redis://:hunter2@cache/0"], "redis://…@cache/0'"),
        (&["--store", "radish://:hunter2@cache/0"], "--store: rad…://…"),
        (&["--store", "redis://:hunter2@cache:port/0"], "--store: "),
        (
            &["--database", "mysql://root:hunter2@localhost/x"],
            "--database: no database; expected sqlite://FILE",
        ),
        (&["--admin", "127.0.0.1:0", "--database", "postgres://me:hunter2@127.0.0.1:1/x"], ""),
        (&["--listen", "http://me:hunter2@127.0.0.1:80"], "http://…@127.0.0.1:80: "),
    ] {
        let output = timebudget(nowhere.iter().chain(args)).output().unwrap();
        let told = told(&output);
        assert!(told.contains(shown) && !told.contains(PASSWORD), "{args:?}: {told}");
    }
    for args in [&["redis://:hunter2@cache/0"][..], &["chek", "redis://:hunter2@cache/0"]] {
        let told = told(&timebudget(args).output().unwrap());
        assert!(!told.contains(PASSWORD), "{args:?}: {told}");
    }
}

#[test]
fn no_message_repeats_a_password_of_the_environment() {
    for (variable, value, args) in [
        ("RATELIMIT_STORAGE_URI", "radish://me:hunter2@cache", &["serve", "--listen", "127.0.0.1:0"][..]),
        ("TIMEBUDGET_ADMIN", "http://me:hunter2@127.0.0.1:1", &["tiers", "list"]),
        ("TIMEBUDGET_ADMIN", "gopher://me:hunter2@127.0.0.1:1", &["tiers", "list"]),
        ("TIMEBUDGET_ADMIN", "me:hunter2@127.0.0.1:1", &["tiers", "list"]),
        ("TIMEBUDGET_ADMIN", "http://me:hunter2 @127.0.0.1:1", &["tiers", "list"]),
        ("TIMEBUDGET_ADMIN", "http://me:hunter2@127.0.0.1:1", &["tiers", "list", "--help", "--nothing"]),
        ("TIMEBUDGET_ADMIN", "http://me:hunter2@127.0.0.1:1", &["tiers", "list", "--nothing"]),
    ] {
        let mut command = timebudget(args);
        let output = command.env(variable, value).env("TIMEBUDGET_TOKEN", "a token").output().unwrap();
        let told = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
        assert!(!told.contains(PASSWORD), "{variable}={value} {args:?}: {told}");
    }
}
