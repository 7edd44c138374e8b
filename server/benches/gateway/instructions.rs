//! Instructions of a small GET by callgrind: no kernel, no noise.
//!
//! A figure is the slope between two counts of requests, so that the start is left out. callgrind counts an instruction that fills or
//! copies memory once for each byte; where that is forbidden, libc does the same by vectors, as many instructions as the
//! processor does work.

use std::fs;
use std::path::Path;

use crate::application;
use crate::subject::Subject;

const WITHOUT_STRING_INSTRUCTIONS: &str =
    "GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=1000000:glibc.cpu.x86_rep_movsb_threshold=1000000";

pub(crate) fn measure(directory: &Path) {
    let log = directory.join("access.log").display().to_string();
    let ways: [(&str, &[&str]); 3] = [
        ("as it is", &[]),
        ("with metrics", &["--admin", "127.0.0.1:0", "--database", "none"]),
        ("with an access log", &["--access-log", &log]),
    ];
    println!("{:20} {:>12} {:>28}", "a small GET", "instructions", "without string instructions");
    for (name, args) in ways {
        let all = of_a_request(&[], args, directory);
        let without = of_a_request(&["env", WITHOUT_STRING_INSTRUCTIONS], args, directory);
        println!("{name:20} {all:12} {without:28}");
    }
}

fn of_a_request(environment: &[&str], args: &[&str], directory: &Path) -> u64 {
    let application = application(directory);
    let [few, many] = [2_000, 6_000].map(|requests| {
        let out = directory.join("callgrind.out");
        let file = format!("--callgrind-out-file={}", out.display());
        let under = [environment, &["valgrind", "--tool=callgrind", &file]].concat();
        let mut subject = Subject::timebudget(&under, directory, application.address, args);
        subject.ask("/small", requests, 8);
        subject.end();
        let text = fs::read_to_string(&out).unwrap();
        let total =
            text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        total.unwrap().trim().parse::<u64>().unwrap()
    });
    (many - few) / 4_000
}
