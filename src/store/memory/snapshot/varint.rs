//! Numbers of as few bytes as they need: most of what accounts have spent, and most counts, are small.

use integer_encoding::VarInt;

/// No number of 64 bits takes more bytes.
const LONGEST: usize = 10;

/// Appends a number.
#[inline]
pub(crate) fn put(number: impl VarInt, bytes: &mut Vec<u8>) {
    let mut buffer = [0; LONGEST];
    let len = number.encode_var(&mut buffer);
    bytes.extend_from_slice(&buffer[..len]);
}

/// Takes a number off the front of what has not been read yet; of bytes that begin with none, nothing.
#[inline]
pub(crate) fn take<T: VarInt>(rest: &mut &[u8]) -> Option<T> {
    let (number, len) = T::decode_var(rest)?;
    *rest = rest.get(len..)?;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(number: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(number, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_put_is_taken_with_no_byte_more() {
        let powers = (0..63).map(|power| 1 << power);
        let around = powers.flat_map(|power: i64| [power - 1, power, -power, -power - 1]);
        for number in around.chain([i64::MAX, i64::MIN]) {
            let bytes = [bytes_of(number), vec![0xff]].concat();
            let mut rest = bytes.as_slice();
            assert_eq!((take(&mut rest), rest), (Some(number), [0xff].as_slice()), "{number}");
        }
    }

    /// Its sign takes a bit.
    #[test]
    fn a_number_takes_a_byte_for_each_seven_bits() {
        for (number, len) in [(0, 1), (63, 1), (-64, 1), (64, 2), (1_000_000, 3), (3_600_000_000, 5)] {
            assert_eq!(bytes_of(number).len(), len, "{number}");
        }
        assert_eq!(bytes_of(i64::MIN).len(), LONGEST);
    }

    #[test]
    fn a_number_that_is_cut_and_one_that_is_too_large_are_none() {
        for len in 0..LONGEST {
            assert_eq!(take::<i64>(&mut &bytes_of(i64::MIN)[..len]), None, "{len} bytes");
        }
        let beyond_64_bits = [[0xff; LONGEST - 1].as_slice(), &[2]].concat();
        assert_eq!(take::<u64>(&mut beyond_64_bits.as_slice()), None);
        assert_eq!(take::<u64>(&mut [0xff; 64].as_slice()), None);
    }
}
