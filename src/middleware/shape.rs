//! The shape of a path: what paths of one route have in common, as far as one can see without knowing the routes.

/// How much of a path is looked at, so that a long one costs no more than others.
const LOOKED_AT: usize = 63;

/// A segment that is longer is rather a parameter than a name.
const LONGEST_NAME: usize = 24;

/// What stands for a segment with digits in it, or one that is too long for a name.
const ANY: u64 = 0x243f_6a88_85a3_08d3;

/// An odd number whose bits are as good as random: the golden ratio's.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

const ONES: u64 = 0x0101_0101_0101_0101;
const SEVENS: u64 = 0x7f * ONES;
const EIGHTS: u64 = 0x80 * ONES;

/// A path with zeros behind, so that each word of it can be read whole.
type Text = [u8; LOOKED_AT + 9];

/// The shape of a path, of a method that has this number; never 0.
#[inline(always)]
pub(crate) fn of(method: u8, path: &str) -> u64 {
    let (mut shape, mut is_exact) = (u64::from(method), path.len() <= LOOKED_AT);
    each_segment(path, |segment| {
        shape = mixed(shape, segment);
        is_exact &= segment != ANY;
    });
    spread(shape) << 2 | u64::from(is_exact) << 1 | 1
}

/// Whether a shape is of one path alone.
#[inline]
pub(crate) const fn is_exact(shape: u64) -> bool {
    shape & 2 != 0
}

/// What is left of the shape if one looks at less: at the first segment and how many there are, or at their number alone.
#[inline(never)]
pub(crate) fn less_of(method: u8, path: &str) -> [u64; 2] {
    let (mut first, mut count) = (None, 0);
    each_segment(path, |segment| {
        first.get_or_insert(segment);
        count += 1;
    });
    let by_count = mixed(mixed(u64::from(method), count), FACTOR);
    [spread(mixed(by_count, first.unwrap_or_default())) | 1, spread(by_count) | 1]
}

/// Whether all segments of a part of a path are of the kind that stands for any other.
pub(crate) fn is_alike(part: &str) -> bool {
    let is_any =
        |segment: &str| segment.len() > LONGEST_NAME || segment.bytes().any(|letter| letter.is_ascii_digit());
    !part.is_empty() && part.split('/').all(is_any)
}

/// Goes through what is looked at of a path, without the slash that it begins with.
#[inline(always)]
fn each_segment(path: &str, mut each: impl FnMut(u64)) {
    let path = path.as_bytes();
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let length = path.len().min(LOOKED_AT);
    if length == 0 {
        return each(0);
    }
    let mut text = [0; LOOKED_AT + 9];
    text[..length].copy_from_slice(&path[..length]);
    let (slashes, digits) = marks(&text, length);
    let (mut slashes, mut begin) = (slashes, 0);
    while slashes != 0 {
        let end = slashes.trailing_zeros() as usize;
        slashes &= slashes - 1;
        each(segment(&text, begin, end, digits));
        begin = end + 1;
    }
    each(segment(&text, begin, length, digits));
}

/// Where there are slashes in a text, and where digits: a bit for each byte.
#[inline(always)]
fn marks(text: &Text, length: usize) -> (u64, u64) {
    let (mut slashes, mut digits, mut at) = (0, 0, 0);
    while at < length {
        let word = word(text, at);
        slashes |= gathered(is_slash(word)) << at;
        digits |= gathered(is_digit(word)) << at;
        at += 8;
    }
    (slashes, digits)
}

/// Eight bytes from a place in what is looked at.
#[inline(always)]
fn word(text: &Text, at: usize) -> u64 {
    // The remainder changes nothing but that no place has to be checked.
    let at = at % (LOOKED_AT + 1);
    text[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
}

/// The eighth bit of each byte that is a slash.
#[inline(always)]
const fn is_slash(word: u64) -> u64 {
    let other = word ^ (b'/' as u64 * ONES);
    !(((other & SEVENS) + SEVENS) | other) & EIGHTS
}

/// The eighth bit of each byte that is a digit.
#[inline(always)]
const fn is_digit(word: u64) -> u64 {
    let low = word & SEVENS;
    let (from, above) = (low + (0x80 - b'0' as u64) * ONES, low + (0x7f - b'9' as u64) * ONES);
    from & !above & !word & EIGHTS
}

/// The eighth bits side by side.
#[inline(always)]
const fn gathered(eighths: u64) -> u64 {
    (eighths >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[inline(always)]
fn segment(text: &Text, begin: usize, end: usize, digits: u64) -> u64 {
    let length = end - begin;
    // Both are less than the bits of a word, since so much of a path is looked at.
    if (digits >> begin) & !(u64::MAX << length) != 0 || length > LONGEST_NAME {
        return ANY;
    }
    let (mut hash, mut at) = (length as u64, begin);
    while at + 8 < end {
        hash = mixed(hash, word(text, at));
        at += 8;
    }
    // What is left, from 1 to 8 bytes, or nothing of an empty one.
    if at < end { mixed(hash, word(text, at) << (8 * (at + 8 - end))) } else { hash }
}

#[inline(always)]
const fn mixed(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(25) ^ word).wrapping_mul(FACTOR)
}

/// A hash whose lowest bits are as good as its highest.
#[inline(always)]
const fn spread(hash: u64) -> u64 {
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_with_digits_and_long_ones_are_all_alike() {
        let shape = |path| of(1, path);
        assert_eq!(shape("/users/17/orders/4"), shape("/users/4711/orders/8f3a"));
        assert_eq!(shape("/s/abcdefghijklmnopqrstuvwxyz"), shape("/s/0"));
        assert_ne!(shape("/users/17"), shape("/orders/17"));
        assert_ne!(shape("/users/17"), shape("/users/17/"));
        assert_ne!(shape("/users"), shape("/users/"));
        assert_ne!(of(1, "/a"), of(2, "/a"));
    }

    #[test]
    fn a_shape_of_names_alone_is_of_one_path() {
        for (path, expected) in [("/", true), ("/users/me", true), ("/users/7", false), ("/v1", false)] {
            assert_eq!(is_exact(of(1, path)), expected, "{path}");
        }
        assert!(!is_exact(of(1, &"/abcdefg".repeat(20))));
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
        let shapes: HashSet<_> = paths.map(|path| of(1, &path)).collect();
        assert_eq!(shapes.len(), names.len() * names.len());
    }

    #[test]
    fn a_long_path_is_known_by_how_it_begins() {
        let long = |end: &str| of(1, &format!("{}{end}", "/abcdefg".repeat(20)));
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
            let [begin, count] = less_of(1, &path);
            prop_assert!(of(1, &path) != 0 && begin != 0 && count != 0);
            let numbered = |number: u32| of(1, &format!("/{number}/{path}"));
            prop_assert_eq!(numbered(number), numbered(number ^ 1));
        }
    }
}
