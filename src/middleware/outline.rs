//! The outline of a path: its segments, and what is left of it if only some of them are looked at.

use std::iter;
use std::ops::Range;

/// How much of a path is looked at, so that a long one costs no more than others.
const LOOKED_AT: usize = 63;

/// How many segments are told apart; all that comes after them is taken for one.
const MOST: usize = 8;

/// How many kinds of outlines there are: by the number of segments, and whether there is more of the path.
pub(crate) const KINDS: usize = 2 * MOST;

/// An odd number whose bits are as good as random: the golden ratio's.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

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
        // Filled in where it lies: it is large.
        let mut outline = Self {
            text: [0; LOOKED_AT + 9],
            begins: [0; MOST + 1],
            count: 1,
            is_cut: false,
            hashes: [0; MOST],
        };
        outline.text[..length].copy_from_slice(&path[..length]);
        let (mut slashes, mut count) = (slashes(&outline.text, length), 1);
        while slashes != 0 && count < MOST {
            outline.begins[count] = slashes.trailing_zeros() as u8 + 1;
            slashes &= slashes - 1;
            count += 1;
        }
        outline.begins[count] = length as u8 + 1;
        (outline.count, outline.is_cut) = (count, slashes != 0 || path.len() > LOOKED_AT);
        outline
    }

    /// Of which kind it is.
    #[inline(always)]
    pub(crate) fn kind(&self) -> usize {
        (self.count - 1) | if self.is_cut { MOST } else { 0 }
    }

    /// Reads those segments by which the path will be classed.
    #[inline(always)]
    pub(crate) fn read(&mut self, names: Names) {
        for at in each(names & self.all()) {
            let (begin, end) = self.place(at);
            self.hashes[at] = hash(&self.text, begin, end);
        }
    }

    /// All of its segments.
    #[inline(always)]
    fn all(&self) -> Names {
        Names::MAX >> (MOST - self.count)
    }

    /// The class of all paths with these names in their places, of the method that has this number; never 0, nor 1.
    ///
    /// Whether the last segment begins with a digit is a part of it: routers tell numbers from words.
    #[inline(always)]
    pub(crate) fn class(&self, method: u8, names: Names) -> u64 {
        let (last, _) = self.place(self.count - 1);
        let is_number = self.text[last % (LOOKED_AT + 1)].is_ascii_digit();
        let looked_at = u64::from(method) | (self.kind() as u64) << 8 | u64::from(names) << 16;
        let mut class = mixed(looked_at | u64::from(is_number) << 24, FACTOR);
        for at in each(names) {
            class = mixed(class, self.hashes[at]);
        }
        let is_exact = !self.is_cut && names == self.all();
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

/// The positions of some segments.
#[inline(always)]
fn each(names: Names) -> impl Iterator<Item = usize> {
    let mut left = u32::from(names);
    iter::from_fn(move || {
        let at = left.trailing_zeros() as usize % MOST;
        (left != 0).then(|| {
            left &= left - 1;
            at
        })
    })
}

/// Where there are slashes in a text: a bit for each byte.
#[inline(always)]
fn slashes(text: &Text, length: usize) -> u64 {
    // All bytes are compared at once, as processors can, and so many gathered as there are.
    let marks: Text = std::array::from_fn(|at| u8::from(text[at] == b'/'));
    let (mut slashes, mut at) = (0, 0);
    while at < length {
        slashes |= gathered(word(&marks, at)) << at;
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

/// The lowest bits of eight bytes, of which no other is set, side by side.
#[inline(always)]
const fn gathered(marks: u64) -> u64 {
    marks.wrapping_mul(0x0102_0408_1020_4080) >> 56
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
        fn slashes_are_found_where_they_are(bytes in prop::collection::vec(any::<u8>(), 0..=LOOKED_AT)) {
            let mut text = [0; LOOKED_AT + 9];
            text[..bytes.len()].copy_from_slice(&bytes);
            let found = slashes(&text, bytes.len());
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(found >> at & 1 == 1, *byte == b'/');
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
