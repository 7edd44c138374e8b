//! Questions: a request that somebody asks about, as it stands in a body.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::thing::fields::{Fields, Wrong};
use crate::thing::{Ruleset, Written};

/// A request that somebody asks about.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) site: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) route: Option<String>,
    /// A ruleset that is to hold in the place of those that do.
    pub(crate) draft: Option<Ruleset>,
}

impl Question {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub(crate) fn parse(body: &str) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let site = fields.optional("site", "the name of a site");
            let method = fields.optional("method", "a method such as GET");
            let path = fields.required("path", "a path such as /api/x?page=2");
            let headers = fields.optional("headers", "an object of texts by name");
            let ip = fields.optional("ip", "an address such as 192.0.2.7");
            let route = fields.optional("route", "a pattern such as /users/{id}");
            let draft = fields.raw("draft").map(|draft| drafted(fields, &draft));
            let headers: Option<BTreeMap<String, String>> = headers?;
            Some(Self {
                site: site?,
                method: method?,
                path: path?,
                headers: headers.unwrap_or_default(),
                ip: ip?,
                route: route?,
                draft: match draft {
                    Some(draft) => Some(draft?),
                    None => None,
                },
            })
        })
    }
}

/// A ruleset that stands in the field `draft`; what is wrong with it is told by its place there.
pub(crate) fn drafted(fields: &mut Fields, draft: &Written) -> Option<Ruleset> {
    match Ruleset::parse_draft(draft.text()) {
        Ok(draft) => Some(draft),
        Err(errors) => {
            for wrong in errors {
                let dot = if wrong.path.is_empty() { "" } else { "." };
                fields.wrong::<()>(&format!("draft{dot}{}", wrong.path), wrong.message);
            }
            None
        }
    }
}
