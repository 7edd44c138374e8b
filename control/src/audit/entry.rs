//! A row of the audit, and what its digest is made of.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::thing::{Kind, Time, Written};

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    /// Rows are counted from 1, without a gap.
    pub number: u64,
    /// When, by the clock of the node that wrote it, to the microsecond.
    #[schema(value_type = DateTime)]
    pub at: Time,
    /// The member who did it.
    pub actor: String,
    /// From which address.
    pub address: Option<String>,
    /// The thing: `overrides/ov_1`.
    pub what: String,
    /// `create`, `change`, `delete`, `rotate`, `grant`, …
    pub action: String,
    /// What there was, without digests of secrets.
    #[schema(value_type = serde_json::Value)]
    pub before: Option<Written>,
    /// What there is.
    #[schema(value_type = serde_json::Value)]
    pub after: Option<Written>,
    /// Why.
    pub reason: Option<String>,
    /// The revision that the change has made; none where nothing was changed that has one.
    pub revision: Option<u64>,
    /// The digest of the row before; empty in the first.
    pub previous: String,
    /// The digest of this row: 64 hexadecimal digits.
    pub digest: String,
}

/// A row that has not been written yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) at: Time,
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) what: String,
    pub(crate) action: String,
    pub(crate) before: Option<Written>,
    pub(crate) after: Option<Written>,
    pub(crate) reason: Option<String>,
    pub(crate) revision: Option<u64>,
}

impl Draft {
    /// The row behind the one of `number - 1`, whose digest is `previous`.
    pub(crate) fn chained(self, number: u64, previous: String) -> Entry {
        let Self { at, actor, address, what, action, before, after, reason, revision } = self;
        let digest = String::new();
        let entry = Entry {
            number,
            at,
            actor,
            address,
            what,
            action,
            before,
            after,
            reason,
            revision,
            previous,
            digest,
        };
        Entry { digest: entry.expected_digest(), ..entry }
    }
}

impl Entry {
    /// The digest that the row must have: SHA-256 over its fields in the order of their declaration, each as the number of
    /// its bytes, a colon and the bytes, and `-` for one that is absent; before them `timebudget audit 1`. Numbers are
    /// decimal, the time is in microseconds since 1970.
    pub fn expected_digest(&self) -> String {
        let mut sum = Sha256::new();
        let mut add = |field: Option<&str>| match field {
            Some(text) => {
                sum.update(format!("{}:", text.len()));
                sum.update(text);
            }
            None => sum.update("-"),
        };
        add(Some("timebudget audit 1"));
        add(Some(&self.number.to_string()));
        add(Some(&self.at.timestamp_micros().to_string()));
        add(Some(&self.actor));
        add(self.address.as_deref());
        add(Some(&self.what));
        add(Some(&self.action));
        add(self.before.as_ref().map(Written::text));
        add(self.after.as_ref().map(Written::text));
        add(self.reason.as_deref());
        add(self.revision.map(|revision| revision.to_string()).as_deref());
        add(Some(&self.previous));
        crate::thing::hex(&sum.finalize())
    }
}

/// Which rows are wanted; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this member.
    pub actor: Option<String>,
    /// About this thing, `overrides/ov_1`, or all of a kind, `overrides`.
    pub what: Option<String>,
    /// Not before.
    pub from: Option<Time>,
    /// Before.
    pub to: Option<Time>,
    /// Not about things of this kind.
    pub except: Option<Kind>,
}

/// A page of rows, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub entries: Vec<Entry>,
    /// The number below which the next page begins, if there is one.
    pub next: Option<u64>,
}
