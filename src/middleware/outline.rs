//! The outline of a path: its segments, and what is left of it if only some of them are looked at.

use std::ops::Range;

/// How much of a path is looked at, so that a long one costs no more than others.
const LOOKED_AT: usize = 63;

/// How many segments are told apart; all that comes after them is taken for one.
const MOST: usize = 8;

/// How many kinds of outlines there are: by the number of segments, and whether there is more of the path.
pub(crate) const KINDS: usize = 2 * MOST;

/// An odd number whose bits are as good as random: the golden ratio's.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

const ONES: u64 = 0x0101_0101_0101_0101;
const SEVENS: u64 = 0x7f * ONES;
const EIGHTS: u64 = 0x80 * ONES;

/// A path with zeros behind, so that each word of it can be read whole.
type Text = [u8; LOOKED_AT + 9];

/// Some of a path's segments: a bit for each, the lowest for the first.
pub(crate) type Names = u8;

/// The class of `/`, of the method that has this number: it needs no look.
pub(crate) const fn root(method: u8) -> u64 {
    mixed(FACTOR, method as u64) | EXACT
}

/// Whether a class is of one path alone.
#[inline]
pub(crate) const fn is_exact(class: u64) -> bool {
    class & 2 != 0
}

/// The lowest bits of a class: the first is always set, and the second of one path alone.
const EXACT: u64 = 3;

/// A path, taken apart.
pub(crate) struct Outline {
    text: Text,
    /// Where each segment begins, and where one would that came after the last.
    begins: [u8; MOST + 1],
    count: usize,
    /// Whether the last segment is not all that there is behind the others.
    is_cut: bool,
    /// Of the segments that were read.
    hashes: [u64; MOST],
}

impl Outline {
    #[inline(always)]
    pub(crate) fn of(path: &str) -> Self {
        let path = path.as_bytes();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let length = path.len().min(LOOKED_AT);
        let mut text = [0; LOOKED_AT + 9];
        text[..length].copy_from_slice(&path[..length]);
        let (mut slashes, mut begins, mut count) = (slashes(&text, length), [0; MOST + 1], 1);
        while slashes != 0 && count < MOST {
            begins[count] = slashes.trailing_zeros() as u8 + 1;
            slashes &= slashes - 1;
            count += 1;
        }
        begins[count] = length as u8 + 1;
        let is_cut = slashes != 0 || path.len() > LOOKED_AT;
        Self { text, begins, count, is_cut, hashes: [0; MOST] }
    }

    /// Of which kind it is.
    #[inline(always)]
    pub(crate) fn kind(&self) -> usize {
        (self.count - 1) | if self.is_cut { MOST } else { 0 }
    }

    /// Reads those segments by which the path will be classed.
    #[inline(always)]
    pub(crate) fn read(&mut self, names: Names) {
        for at in 0..self.count {
            if names >> at & 1 != 0 {
                let (begin, end) = self.place(at);
                self.hashes[at] = hash(&self.text, begin, end);
            }
        }
    }

    /// The class of all paths with these names in their places, of the method that has this number; never 0, nor 1.
    ///
    /// Whether the last segment begins with a digit is a part of it: routers tell numbers from words.
    #[inline(always)]
    pub(crate) fn class(&self, method: u8, names: Names) -> u64 {
        let (last, _) = self.place(self.count - 1);
        let is_number = self.text[last % LOOKED_AT].is_ascii_digit();
        let looked_at = u64::from(method) | (self.kind() as u64) << 8 | u64::from(names) << 16;
        let mut class = mixed(looked_at | u64::from(is_number) << 24, FACTOR);
        let mut left = names;
        while left != 0 {
            class = mixed(class, self.hashes[left.trailing_zeros() as usize % MOST]);
            left &= left - 1;
        }
        let is_exact = !self.is_cut && names == Names::MAX >> (MOST - self.count);
        class & !EXACT | u64::from(is_exact) << 1 | 1
    }

    /// The segments that no parameter touches, by where the parameters lie in the path.
    pub(crate) fn names(&self, path: &str, parameters: &[Range<usize>]) -> Names {
        let slash = usize::from(path.starts_with('/'));
        let whole = self.count - usize::from(self.is_cut);
        let is_name = |at: &usize| {
            let (begin, end) = self.place(*at);
            let touches = |span: &Range<usize>| span.start <= end + slash && begin + slash <= span.end;
            !parameters.iter().any(touches)
        };
        (0..whole).filter(is_name).fold(0, |names, at| names | 1 << at)
    }

    #[inline(always)]
    fn place(&self, at: usize) -> (usize, usize) {
        (usize::from(self.begins[at]), usize::from(self.begins[at + 1]) - 1)
    }
}

/// Where there are slashes in a text: a bit for each byte.
#[inline(always)]
fn slashes(text: &Text, length: usize) -> u64 {
    let (mut slashes, mut at) = (0, 0);
    while at < length {
        slashes |= gathered(is_slash(word(text, at))) << at;
        at += 8;
    }
    slashes
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

/// The eighth bits side by side.
#[inline(always)]
const fn gathered(eighths: u64) -> u64 {
    (eighths >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[inline(always)]
fn hash(text: &Text, begin: usize, end: usize) -> u64 {
    let (mut hash, mut at) = ((end - begin) as u64, begin);
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn class(path: &str, names: Names) -> u64 {
        let mut outline = Outline::of(path);
        outline.read(names);
        outline.class(1, names)
    }

    #[test]
    fn what_is_not_looked_at_does_not_matter_and_what_is_does() {
        assert_eq!(class("/v1/users/17", 0b011), class("/v1/users/4711", 0b011));
        assert_eq!(class("/users/bob/orders", 0b101), class("/users/alice/orders", 0b101));
        assert_ne!(class("/v1/users/17", 0b011), class("/v2/users/17", 0b011));
        assert_ne!(class("/users/17", 0b1), class("/users/17/", 0b1));
        assert_ne!(class("/users/17", 0b1), class("/users/bob", 0b1), "a number, and a word");
        assert_ne!(root(1), root(2));
    }

    #[test]
    fn a_class_by_all_segments_is_of_one_path() {
        for (path, names, expected) in
            [("/a", 0b1, true), ("/a/b", 0b11, true), ("/a/b", 0b01, false), ("/a/", 0b11, true)]
        {
            assert_eq!(is_exact(class(path, names)), expected, "{path}");
        }
        let long = "/abcdefg".repeat(9);
        assert!(!is_exact(class(&long, Names::MAX)), "there may be more");
    }

    #[test]
    fn names_are_what_no_parameter_touches() {
        for (path, parameters, expected) in [
            ("/users/17/orders/4", &[(7, 9), (17, 18)][..], 0b0101),
            ("/files/a.json", &[(7, 8)][..], 0b01),
            ("/static/", &[(8, 8)][..], 0b01),
            ("/static/a/b", &[(8, 11)][..], 0b001),
            ("/a/b", &[][..], 0b11),
            ("x/y", &[(0, 1)][..], 0b10),
            ("/1/2/3/4/5/6/7/8/9", &[(1, 2)][..], 0b0111_1110),
        ] {
            let spans: Vec<_> = parameters.iter().map(|(begin, end)| *begin..*end).collect();
            assert_eq!(Outline::of(path).names(path, &spans), expected, "{path}");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names =
            ["", "a", "b", "ab", "ba", "abcdefgh", "abcdefghi", "abcdefghj", "users", "\u{e9}", "%2F"];
        let paths = names.iter().flat_map(|one| names.map(|other| format!("/{one}/{other}")));
        let classes: HashSet<_> = paths.map(|path| class(&path, 0b11)).collect();
        assert_eq!(classes.len(), names.len() * names.len());
    }

    proptest! {
        #[test]
        fn slashes_are_found_where_they_are(bytes in prop::array::uniform8(any::<u8>())) {
            let word = u64::from_le_bytes(bytes);
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(gathered(is_slash(word)) >> at & 1 == 1, *byte == b'/');
            }
        }

        #[test]
        fn any_path_is_classed_by_any_of_its_segments(path in ".{0,80}|(/.{0,3}){0,20}", names in any::<Names>()) {
            let outline = Outline::of(&path);
            prop_assert!(class(&path, names) > 1 && outline.kind() < KINDS);
            let segments = path.strip_prefix('/').unwrap_or(&path).split('/').count();
            prop_assert!(outline.is_cut || outline.count == segments);
        }
    }
}
