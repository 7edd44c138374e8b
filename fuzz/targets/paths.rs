//! Paths: every matcher answers whatever the path is, and the index of rules finds what a loop over them finds. A path has one
//! form in any case, whatever case it is written in.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use timebudget::RuleIndex;
use timebudget::{Condition, EscapedSlash, Facts, Glob, Paths, Pattern, Text};

struct Get<'a>(&'a str);

impl Facts for Get<'_> {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        self.0
    }

    fn ip(&self) -> Option<IpAddr> {
        None
    }
}

fuzz_target!(|input: (&str, &str)| {
    let (written, path) = input;
    let expression = || Pattern::new(written).ok().map(Text::Regex);
    let kinds = [
        Some(Text::Equal(written.into())),
        Some(Text::Below(written.into())),
        Some(Text::Prefix(written.into())),
        Glob::new(written).map(Text::Glob),
        // Compiling is the configuration's business; one of many kilobytes only slows the fuzzer down.
        (written.len() < 64).then(expression).flatten(),
    ];
    let conditions: Vec<_> = kinds.into_iter().flatten().map(Condition::Path).collect();
    let request = Get(path);
    let found = RuleIndex::new(&conditions).candidates(&request);
    for (at, condition) in conditions.iter().enumerate() {
        assert!(!condition.matches(&request) || found.contains(&(at as u16)), "{condition:?}");
    }
    for slash in [EscapedSlash::IsSlash, EscapedSlash::Stays] {
        let form = Paths::AnyCase.form(path, slash);
        for other in [path.to_lowercase(), path.to_ascii_uppercase()] {
            assert_eq!(Paths::AnyCase.form(&other, slash), form);
        }
    }
});
