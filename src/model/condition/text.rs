//! Sets of texts, such as the paths that a condition is about: whole ones, beginnings, and what patterns match.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::model::condition::decoded::Paths;
use crate::model::condition::pattern::{Glob, Pattern};

/// A set of texts, such as the paths that a condition is about.
///
/// To a glob a slash is a place where `*` stops in a path, and a character like any other in all other texts; that is
/// why there are [`matches`](Self::matches) and [`matches_path`](Self::matches_path). Texts are compared to the letter: hosts
/// and names of headers are in lower case by the time that they are asked about, and so are paths and what is said of them where
/// [letters of any case](Paths::AnyCase) are one.
///
/// # Examples
///
/// ```
/// use timebudget::{Glob, Pattern, Text};
/// let plans = Text::AnyOf(vec![Text::Equal("free".into()), Text::Prefix("trial-".into())]);
/// assert!(plans.matches("free") && plans.matches("trial-2026") && !plans.matches("gold"));
/// let versions = Text::Regex(Pattern::new("^v[0-9]+$")?);
/// assert!(versions.matches("v12") && !versions.matches("v12-beta"));
/// # Ok::<(), timebudget::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Text {
    /// Exactly this one.
    Equal(String),
    /// This path, and every path below it.
    ///
    /// `/api` holds `/api` and `/api/x` but not `/apiary`; `/api/` holds `/api/x` but not `/api`.
    Below(String),
    /// Every text that begins so, whatever follows: `/api` is also the beginning of `/apiary`.
    Prefix(String),
    /// Every text that the glob matches.
    Glob(Glob),
    /// Every text that the regular expression is found in: anywhere, unless it begins with `^` and ends with `$`.
    Regex(Pattern),
    /// Every text that one of these matches; none if there are none.
    AnyOf(Vec<Text>),
}

impl Text {
    /// Whether a text other than a path is in the set; what a client sends is bytes, and need not be UTF-8.
    ///
    /// To a glob a slash is a character like any other here: see [`matches_path`](Self::matches_path) for paths.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Glob, Paths, Text};
    /// let bots = Text::Glob(Glob::new("*bot*").unwrap());
    /// assert!(bots.matches("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"));
    /// assert!(!bots.matches_path("/robots/a", Paths::Normal));
    /// ```
    pub fn matches(&self, text: impl AsRef<[u8]>) -> bool {
        self.has(text.as_ref(), Glob::matches_text)
    }

    fn has(&self, text: &[u8], by_glob: fn(&Glob, &[u8]) -> bool) -> bool {
        match self {
            Self::Equal(wanted) => text == wanted.as_bytes(),
            Self::Below(prefix) => is_below(prefix.as_bytes(), text),
            Self::Prefix(prefix) => text.starts_with(prefix.as_bytes()),
            Self::Regex(pattern) => pattern.matches(text),
            Self::Glob(glob) => by_glob(glob, text),
            Self::AnyOf(texts) => texts.iter().any(|wanted| wanted.has(text, by_glob)),
        }
    }

    /// Whether a path, in the form in which rules see it, is in the set; a glob's `*` and `?` stop at slashes.
    ///
    /// Where paths with and without a slash at their end are one, it is if either is: else `/api/` would escape a set of
    /// what begins with `/api/`.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Paths, Text};
    /// let folder = Text::Below("/api/".into());
    /// assert!(folder.matches_path("/api", Paths::Normal));
    /// assert!(!folder.matches_path("/api", Paths::Exact));
    /// ```
    #[inline]
    pub fn matches_path(&self, path: &str, paths: Paths) -> bool {
        if let Self::Below(prefix) = self
            && !prefix.ends_with('/')
        {
            return is_below(prefix.as_bytes(), path.as_bytes());
        }
        self.matches_other_path(path, paths)
    }

    fn matches_other_path(&self, path: &str, paths: Paths) -> bool {
        self.has(path.as_bytes(), Glob::matches_path)
            || (paths.merges_slashes() && !path.ends_with('/') && self.matches_folder(path))
    }

    /// Whether paths are written in the form in which rules see them.
    pub(crate) fn is_in_form(&self, paths: Paths) -> bool {
        match self {
            Self::Equal(path) | Self::Below(path) => paths.unescaped(path) == *path,
            Self::Prefix(begin) => paths.letters(Cow::Borrowed(begin)) == *begin,
            Self::Glob(glob) => paths.unescaped(&glob.text) == glob.text,
            Self::Regex(pattern) => !paths.ignores_case() || pattern.is_in_one_case(),
            Self::AnyOf(texts) => texts.iter().all(|text| text.is_in_form(paths)),
        }
    }

    /// Writes paths in that form.
    pub(crate) fn bring_into_form(&mut self, paths: Paths) {
        match self {
            Self::Equal(path) | Self::Below(path) => *path = paths.unescaped(path).into_owned(),
            // What ends in a slash does not begin what ends in none.
            Self::Prefix(begin) => *begin = paths.letters(Cow::Borrowed(begin)).into_owned(),
            Self::Glob(glob) => *glob = glob.written(&paths.unescaped(&glob.text)),
            Self::Regex(pattern) if paths.ignores_case() => *pattern = pattern.in_one_case(),
            Self::Regex(_) => {}
            Self::AnyOf(texts) => texts.iter_mut().for_each(|text| text.bring_into_form(paths)),
        }
    }

    /// Whether a path is in the set if a slash follows.
    fn matches_folder(&self, path: &str) -> bool {
        match self {
            Self::Equal(wanted) | Self::Below(wanted) | Self::Prefix(wanted) => {
                !path.is_empty() && wanted.strip_suffix('/') == Some(path)
            }
            Self::Glob(glob) if !glob.can_end_in_slash() => false,
            Self::Glob(_) | Self::Regex(_) => {
                let letters = path.bytes().chain([b'/']);
                self.has(&letters.collect::<SmallVec<[u8; 128]>>(), Glob::matches_path)
            }
            Self::AnyOf(texts) => texts.iter().any(|text| text.matches_folder(path)),
        }
    }
}

#[inline]
fn is_below(prefix: &[u8], path: &[u8]) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || prefix.ends_with(b"/") || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let api = Text::Below("/api".into());
        assert!(api.matches("/api") && api.matches("/api/") && api.matches("/api/x"));
        assert!(!api.matches("/apiary") && !api.matches("/ap") && !api.matches("/x/api"));
    }

    #[test]
    fn a_prefix_with_a_slash_at_its_end_is_the_folder_without_its_name() {
        let folder = Text::Below("/api/".into());
        assert!(folder.matches("/api/") && folder.matches("/api/x"));
        assert!(!folder.matches("/api"));
    }

    #[test]
    fn everything_is_below_the_root() {
        let root = Text::Below("/".into());
        assert!(root.matches("/") && root.matches("/x/y"));
    }

    #[test]
    fn a_list_matches_what_any_of_its_members_matches() {
        let list = Text::AnyOf(vec![Text::Equal("/a".into()), Text::Below("/b".into())]);
        assert!(list.matches("/a") && list.matches("/b/c"));
        assert!(!list.matches("/a/c") && !Text::AnyOf(vec![]).matches("/a"));
    }
}
