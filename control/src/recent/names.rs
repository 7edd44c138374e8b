//! Texts that many requests have in common, by number.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// Names of sites, hosts, rules, methods and routes.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    numbers: HashMap<Arc<str>, u32, RandomState>,
    texts: Vec<Arc<str>>,
}

impl Default for Names {
    fn default() -> Self {
        Self { numbers: HashMap::default(), texts: vec![Arc::default()] }
    }
}

impl Names {
    /// How many there are at most.
    const MOST: usize = 65_536;

    /// How much of one is kept, in bytes.
    const LONGEST: usize = 1_024;

    /// The number of a text; 0, which is none, where there is no room for it.
    #[inline]
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        match self.numbers.get(text) {
            Some(number) => *number,
            None => self.learn(text),
        }
    }

    #[cold]
    fn learn(&mut self, text: &str) -> u32 {
        let text = beginning(text, Self::LONGEST);
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        if text.is_empty() || self.texts.len() >= Self::MOST {
            return 0;
        }
        let (number, text) = (self.texts.len() as u32, Arc::<str>::from(text));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// Begins to know nothing more: what is known stays.
    pub(crate) fn close(&mut self) {
        self.numbers = HashMap::default();
        self.texts.shrink_to_fit();
    }

    /// How many bytes they take, once they are [closed](Self::close).
    pub(crate) fn bytes(&self) -> usize {
        // Before each text stands how often it is shared.
        const SHARED: usize = 2 * size_of::<usize>();
        let texts: usize = self.texts.iter().map(|text| SHARED + text.len()).sum();
        texts + self.texts.capacity() * size_of::<Arc<str>>()
    }

    /// All texts, in the order of their numbers; the first is empty.
    pub(crate) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }
}

/// What stands at the beginning of a text, of whole letters, in so many bytes at most.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_what_has_no_room_has_none() {
        let mut names = Names::default();
        let (get, post) = (names.number("GET"), names.number("POST"));
        assert_eq!((names.number("GET"), names.number("")), (get, 0));
        assert_eq!(names.texts().iter().map(|text| &**text).collect::<Vec<_>>(), ["", "GET", "POST"]);
        let long = names.number(&"x".repeat(1_025));
        assert_eq!((long, names.texts()[long as usize].len()), (names.number(&"x".repeat(1_026)), 1_024));
        (0..2 * Names::MOST).for_each(|other| {
            names.number(&other.to_string());
        });
        assert_eq!((names.texts().len(), names.number("new")), (Names::MOST, 0));
        assert_eq!(names.number("POST"), post);
    }
}
