//! The document that every page begins with, for the path that it is asked below.

use sha2::{Digest, Sha256};

use super::{assets, preload};

pub(crate) struct Document {
    pub(crate) text: String,
    /// Without quotation marks.
    pub(crate) tag: String,
}

/// The document for pages below `base`, which ends in a slash: links in it are relative to that.
pub(crate) fn at(base: &str) -> Document {
    let text = assets::INDEX
        .replace("{preload}", preload::links())
        .replace("{base}", &attribute(base))
        .replace("{version}", assets::version());
    let tag = assets::short(&Sha256::digest(&text));
    Document { text, tag }
}

/// A text as the value of an attribute: a path is what a client asked for.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('{', "&#123;")
}
