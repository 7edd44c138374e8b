//! A site file: whatever it holds, it either loads or its errors say where they stand.
#![no_main]

use libfuzzer_sys::fuzz_target;
use timebudget::config::{Layer, Ruleset, parse_site};

fuzz_target!(|text: &str| {
    // The same readers, at other places: rules and clients that stand in no file.
    let _ = (Ruleset::parse("fuzz", text), Layer::parse("fuzz", text));
    match parse_site("fuzz", text) {
        Ok((site, _)) => assert_eq!(parse_site("fuzz", text).map(|(again, _)| again), Ok(site)),
        Err(errors) => assert!(errors.to_string().lines().all(|line| line.starts_with("site_config.json: "))),
    }
});
