//! Actions: what happens to a request that a rule refuses.

/// What happens to a request that a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It is answered in place of the application.
    Block(Block),
    /// It is served this path's page in place of its own, by the same application.
    Rewrite(String),
}

impl Action {
    /// Whether a text is a path that requests can be rewritten to: it begins with `/` and has no query.
    pub fn can_rewrite_to(path: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
        path.starts_with('/') && path.bytes().all(is_plain)
    }
}

impl Default for Action {
    fn default() -> Self {
        Self::Block(Block::default())
    }
}

/// The answer to a refused request; by default 429, saying why in the form that the client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Another status than 429, from 400 to 599.
    pub status: Option<u16>,
    /// What the answer says instead of which budget is spent.
    pub message: Option<String>,
    /// The whole body, whatever form the client asks for.
    pub body: Option<String>,
    /// The media type of `body`; plain text if absent.
    pub content_type: Option<String>,
}
