//! Where a node stands in which database's history.

/// A place in a database's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which database.
    pub(crate) id: String,
    /// The digest of the row of its audit that made the revision.
    pub(crate) history: String,
    /// The last row of its audit that was seen; 0 before there is one.
    pub(crate) audited: u64,
    /// The digest of that row.
    pub(crate) digest: String,
}
