//! The shape of a path: what paths of one route have in common, as far as one can see without knowing the routes.

use std::ops::Range;

/// How much of a path is looked at, so that a long one costs no more than others.
const LOOKED_AT: usize = 64;

/// A segment that is longer is rather a parameter than a name.
const LONGEST_NAME: usize = 24;

/// What stands for a segment with digits in it, or one that is too long for a name.
const ANY: u64 = 0x9e37_79b9_7f4a_7c15;

const ONES: u64 = 0x0101_0101_0101_0101;
const SEVENS: u64 = 0x7f * ONES;
const EIGHTS: u64 = 0x80 * ONES;

/// The shape of a method and path, and what is left of it if one looks at less. None of the three is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// By all segments.
    pub(super) whole: u64,
    /// By the first segment, and how many there are.
    pub(super) begin: u64,
    /// By how many segments there are.
    pub(super) count: u64,
}

impl Shape {
    /// The shape of a path, of a method that has this number.
    #[inline]
    pub(super) fn of(method: u8, path: &str) -> Self {
        let length = path.len().min(LOOKED_AT);
        // Eight more, so that each word of a segment can be read whole.
        let mut text = [0; LOOKED_AT + 8];
        text[..length].copy_from_slice(&path.as_bytes()[..length]);
        let (mut slashes, digits) = marks(&text, length);
        slashes |= 1_u64.checked_shl(length as u32).unwrap_or(0);
        let (mut whole, mut first, mut count, mut begin) = (mixed(u64::from(method), ANY), 0, 0, 0);
        while slashes != 0 {
            let end = slashes.trailing_zeros() as usize;
            slashes &= slashes - 1;
            let segment = segment(&text, begin..end, digits);
            whole = mixed(whole, segment);
            count += 1;
            // Before the first slash there is nothing.
            if count == 2 {
                first = segment;
            }
            begin = end + 1;
        }
        let count = mixed(mixed(u64::from(method), count), ANY);
        Self { whole: whole | 1, begin: mixed(count, first) | 1, count: count | 1 }
    }

    /// Whether all segments of a part of a path are of the kind that stands for any other.
    pub(super) fn is_alike(part: &str) -> bool {
        let is_any = |segment: &str| {
            segment.len() > LONGEST_NAME || segment.bytes().any(|letter| letter.is_ascii_digit())
        };
        !part.is_empty() && part.split('/').all(is_any)
    }
}

/// Where there are slashes in a text, and where digits: a bit for each byte.
#[inline]
fn marks(text: &[u8; LOOKED_AT + 8], length: usize) -> (u64, u64) {
    let (mut slashes, mut digits) = (0, 0);
    for (at, word) in text.chunks_exact(8).take(length.div_ceil(8)).enumerate() {
        let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        slashes |= gathered(is_slash(word)) << (8 * at);
        digits |= gathered(is_digit(word)) << (8 * at);
    }
    (slashes, digits)
}

/// The eighth bit of each byte that is a slash.
#[inline]
const fn is_slash(word: u64) -> u64 {
    let other = word ^ (b'/' as u64 * ONES);
    !(((other & SEVENS) + SEVENS) | other) & EIGHTS
}

/// The eighth bit of each byte that is a digit.
#[inline]
const fn is_digit(word: u64) -> u64 {
    let low = word & SEVENS;
    let (from, above) = (low + (0x80 - b'0' as u64) * ONES, low + (0x7f - b'9' as u64) * ONES);
    from & !above & !word & EIGHTS
}

/// The eighth bits side by side.
#[inline]
const fn gathered(eighths: u64) -> u64 {
    (eighths >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[inline]
fn segment(text: &[u8; LOOKED_AT + 8], span: Range<usize>, digits: u64) -> u64 {
    let length = span.len();
    let within = u64::MAX.checked_shl(span.start as u32).unwrap_or(0)
        & !u64::MAX.checked_shl(span.end as u32).unwrap_or(0);
    if digits & within != 0 || length > LONGEST_NAME {
        return ANY;
    }
    let (mut hash, mut at) = (length as u64, span.start);
    while at < span.end {
        let word = text.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes);
        let beyond = 8_usize.saturating_sub(span.end - at) as u32 * 8;
        hash = mixed(hash, word << beyond);
        at += 8;
    }
    hash
}

/// Both halves of a product, which is how foldhash mixes.
#[inline]
const fn mixed(one: u64, other: u64) -> u64 {
    let product = (one ^ 0x243f_6a88_85a3_08d3) as u128 * (other ^ 0x1319_8a2e_0370_7344) as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_with_digits_and_long_ones_are_all_alike() {
        let of = |path| Shape::of(1, path).whole;
        assert_eq!(of("/users/17/orders/4"), of("/users/4711/orders/8f3a"));
        assert_eq!(of("/s/abcdefghijklmnopqrstuvwxyz"), of("/s/0"));
        assert_ne!(of("/users/17"), of("/orders/17"));
        assert_ne!(of("/users/17"), of("/users/17/"));
        assert_ne!(of("/users"), of("/users/"));
        assert_ne!(Shape::of(1, "/a").whole, Shape::of(2, "/a").whole);
    }

    #[test]
    fn names_are_told_apart() {
        let names = [
            "",
            "a",
            "b",
            "ab",
            "ba",
            "abcdefgh",
            "abcdefghi",
            "abcdefghj",
            "users",
            "orders",
            "\u{e9}",
            "%2F",
        ];
        let paths = names.iter().flat_map(|one| names.map(|other| format!("/{one}/{other}")));
        let shapes: HashSet<_> = paths.map(|path| Shape::of(1, &path).whole).collect();
        assert_eq!(shapes.len(), names.len() * names.len());
    }

    #[test]
    fn a_long_path_is_known_by_how_it_begins() {
        let long = |end: &str| Shape::of(1, &format!("{}{end}", "/abcdefg".repeat(20)));
        assert_eq!(long("/x"), long("/y/z"));
    }

    proptest! {
        #[test]
        fn digits_and_slashes_are_found_where_they_are(bytes in prop::array::uniform8(any::<u8>())) {
            let word = u64::from_le_bytes(bytes);
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(gathered(is_slash(word)) >> at & 1 == 1, *byte == b'/');
                prop_assert_eq!(gathered(is_digit(word)) >> at & 1 == 1, byte.is_ascii_digit());
            }
        }

        #[test]
        fn any_path_has_a_shape(path in ".{0,80}", number in 10..99_u32) {
            let shape = Shape::of(1, &path);
            prop_assert!(shape.whole != 0 && shape.begin != 0 && shape.count != 0);
            let of = |number: u32| Shape::of(1, &format!("/{number}/{path}"));
            prop_assert_eq!(of(number), of(number ^ 1));
        }
    }
}
