//! Matchers of texts, such as a request's path.

use crate::model::glob::Glob;
use crate::model::pattern::Pattern;

/// A set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Exactly this one.
    Equal(String),
    /// This path, and every path below it.
    ///
    /// `/api` holds `/api` and `/api/x` but not `/apiary`; `/api/` holds `/api/x` but not `/api`.
    Below(String),
    /// Every text that begins so.
    Prefix(String),
    /// Every text that the glob matches.
    Glob(Glob),
    /// Every text that the regular expression is found in.
    Regex(Pattern),
    /// Every text that one of these matches; none if there are none.
    AnyOf(Vec<Text>),
}

impl Text {
    /// Whether a text is in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::model::text::Text;
    /// let api = Text::Below("/api".into());
    /// assert!(api.matches("/api/users") && !api.matches("/apiary"));
    /// ```
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => text == wanted,
            Self::Below(prefix) => is_below(prefix, text),
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Regex(pattern) => pattern.matches(text),
            Self::Glob(glob) => glob.matches(text),
            Self::AnyOf(texts) => texts.iter().any(|wanted| wanted.matches(text)),
        }
    }
}

fn is_below(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
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
