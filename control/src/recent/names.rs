//! Texts that many requests have in common, by number.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// Names of sites, hosts, rules, methods and routes.
#[derive(Debug)]
pub(crate) struct Names {
    numbers: HashMap<Arc<str>, u32, RandomState>,
    texts: Vec<Arc<str>>,
}

impl Names {
    /// How many there are at most: who sends methods that nobody knows must not fill the memory.
    const MOST: usize = 65_536;

    /// The longest that is kept, in bytes; of a longer one nothing is.
    const LONGEST: usize = 256;

    pub(crate) fn new() -> Self {
        Self { numbers: HashMap::default(), texts: vec![Arc::default()] }
    }

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
        if text.is_empty() || text.len() > Self::LONGEST || self.texts.len() >= Self::MOST {
            return 0;
        }
        let (number, text) = (self.texts.len() as u32, Arc::<str>::from(text));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// All texts, in the order of their numbers; the first is empty.
    pub(crate) fn texts(&self) -> Vec<Arc<str>> {
        self.texts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_what_has_no_room_has_none() {
        let mut names = Names::new();
        let (get, post) = (names.number("GET"), names.number("POST"));
        assert_eq!((names.number("GET"), names.number("")), (get, 0));
        assert_eq!(names.texts().iter().map(|text| &**text).collect::<Vec<_>>(), ["", "GET", "POST"]);
        assert_eq!(names.number(&"x".repeat(257)), 0);
        (0..2 * Names::MOST).for_each(|other| {
            names.number(&other.to_string());
        });
        assert_eq!((names.texts().len(), names.number("new")), (Names::MOST, 0));
        assert_eq!(names.number("POST"), post);
    }
}
