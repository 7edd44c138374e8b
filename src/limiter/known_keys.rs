//! Keys that a thread has hashed of late: most clients ask more than once.

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

/// The key of an address, of a kind and on an engine, which are one number; it is hashed if the thread does not know it.
///
/// Who asks from very many addresses has none of them remembered, and each costs a few instructions more.
#[inline]
pub(crate) fn of_address(hashed: u64, address: Ipv4Addr, hash: impl FnOnce() -> KeyHash) -> KeyHash {
    KNOWN.with(|known| {
        let address = address.to_bits();
        let place = &known[(address.wrapping_mul(FACTOR) >> (u32::BITS - PLACES.trailing_zeros())) as usize];
        let found = place.get();
        if found.address == address && found.hashed == hashed {
            return found.key;
        }
        let key = hash();
        place.set(Known { hashed, address, key });
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_hashed_once_for_each_engine_and_kind_while_it_is_remembered() {
        let address = Ipv4Addr::new(192, 0, 2, 7);
        let key = |hashed| of_address(hashed, address, || KeyHash([hashed as u32; 4]));
        assert_eq!([1, 2, 1, 2].map(key), [1, 2, 1, 2].map(|hashed| KeyHash([hashed; 4])));
        assert_eq!(of_address(2, address, || panic!("it is known")), KeyHash([2; 4]));
    }

    #[test]
    fn those_that_share_a_place_keep_their_own_keys() {
        for round in 0..3 {
            for n in 0..10 * PLACES as u32 {
                let key = of_address(9, Ipv4Addr::from_bits(n), || KeyHash([n; 4]));
                assert_eq!(key, KeyHash([n; 4]), "round {round}");
            }
        }
    }
}
