//! Keys of addresses that a thread has hashed of late: most clients ask more than once.

use std::cell::Cell;
use std::net::Ipv4Addr;

use crate::model::KeyHash;

/// How many addresses a thread remembers. A power of two.
const PLACES: usize = 64;

/// An odd number whose bits are as good as random, to spread addresses of one network.
const FACTOR: u32 = 0x9e37_79b1;

/// The key of one address.
#[derive(Clone, Copy)]
struct Known {
    /// The engine that has hashed it, and of which kind the key is; 0 in a place that is free.
    hashed: u64,
    address: u32,
    key: KeyHash,
}

thread_local! {
    static KNOWN: [Cell<Known>; PLACES] =
        const { [const { Cell::new(Known { hashed: 0, address: 0, key: KeyHash([0; 4]) }) }; PLACES] };
}

/// The key of an address, if the thread remembers it; what it is hashed by, engine and kind, is one number.
#[inline(always)]
pub(crate) fn find(hashed: u64, address: Ipv4Addr) -> Option<KeyHash> {
    let known = KNOWN.with(|known| known[place_of(address)].get());
    (known.address == address.to_bits() && known.hashed == hashed).then_some(known.key)
}

/// Remembers the key of an address, in the place of another.
#[inline]
pub(crate) fn remember(hashed: u64, address: Ipv4Addr, key: KeyHash) {
    KNOWN.with(|known| known[place_of(address)].set(Known { hashed, address: address.to_bits(), key }));
}

#[inline]
const fn place_of(address: Ipv4Addr) -> usize {
    (address.to_bits().wrapping_mul(FACTOR) >> (u32::BITS - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_for_the_engine_and_the_kind_that_it_is_of() {
        let address = Ipv4Addr::new(192, 0, 2, 7);
        remember(1, address, KeyHash([1; 4]));
        assert_eq!([1, 2].map(|hashed| find(hashed, address)), [Some(KeyHash([1; 4])), None]);
        remember(2, address, KeyHash([2; 4]));
        assert_eq!([1, 2].map(|hashed| find(hashed, address)), [None, Some(KeyHash([2; 4]))]);
    }

    #[test]
    fn those_that_share_a_place_keep_their_own_keys() {
        let mut known = 0;
        for n in (0..10 * PLACES as u32).cycle().take(30 * PLACES) {
            let (address, key) = (Ipv4Addr::from_bits(n), KeyHash([n; 4]));
            assert_eq!(find(9, address).unwrap_or(key), key);
            remember(9, address, key);
            known += u32::from(find(9, address) == Some(key));
        }
        assert_eq!(known, 30 * PLACES as u32);
    }
}
