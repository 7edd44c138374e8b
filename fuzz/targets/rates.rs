//! A rate string: what parses is written as a string that parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use timebudget::parse_rates;

fuzz_target!(|text: &str| {
    let Ok(limits) = parse_rates(text) else { return };
    assert!(!limits.is_empty());
    for limit in limits {
        assert_eq!(parse_rates(&limit.to_string()), Ok(vec![limit]), "{limit}");
    }
});
