//! JSON as somebody wrote it: order of members, numbers and spaces included.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// JSON that is kept to the letter, because people will read it again.
///
/// Two are equal if they are written the same.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Written(Box<RawValue>);

impl Written {
    /// The text of one value; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The text, or, of what is no JSON, the text as a text of JSON.
    pub(crate) fn of_text(text: &str) -> Self {
        let quoted = || Self::parse(&serde_json::Value::from(text).to_string());
        Self::parse(text).or_else(quoted).expect("a text of JSON is JSON")
    }

    /// What is written.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl From<&RawValue> for Written {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Written {}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
