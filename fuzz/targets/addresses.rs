//! Address headers: the client is the peer, or somebody whom a chain of trusted proxies names.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use timebudget::{AddressPolicy, Network};

fuzz_target!(|input: (bool, &[u8])| {
    let (is_forwarded, bytes) = input;
    let header = if is_forwarded { "Forwarded" } else { "X-Forwarded-For" };
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let policy = AddressPolicy { trusted_proxies, header: header.to_owned(), ..AddressPolicy::default() };
    let client = |peer: [u8; 4]| policy.client(Some(IpAddr::from(peer)), bytes.split(|byte| *byte == b'\n'));

    assert_eq!(client([192, 0, 2, 7]), Some(IpAddr::from([192, 0, 2, 7])), "a stranger's header is believed");
    let told = client([10, 0, 0, 1]);
    let known = told.map(|told| told.to_string().parse::<Network>().expect("an address").to_string());
    assert_eq!(told.map(|told| told.to_string()), known, "an IPv4 address is taken for one of IPv6");
    let hops = AddressPolicy { trusted_hops: 3, trusted_proxies: Vec::new(), ..policy.clone() };
    assert!(hops.client(Some(IpAddr::from([10, 0, 0, 1])), bytes.split(|byte| *byte == b'\n')).is_some());
    if let Ok(network) = String::from_utf8_lossy(bytes).parse::<Network>() {
        assert_eq!(network.to_string().parse(), Ok(network));
    }
});
