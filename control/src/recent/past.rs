//! A request of the last hour as rules see it, and what they ask for that is not kept of it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use timebudget::{EscapedSlash, Facts, Identity, Paths, Site};

use crate::recent::hour::{Chunk, Passed};
use crate::replay::{Lacking, Past, Times};

/// A request of the last hour.
pub(crate) struct OfHour<'a> {
    pub(crate) passed: &'a Passed,
    pub(crate) chunk: &'a Chunk,
    /// The names of all chunks, and which of them are this one's.
    pub(super) names: &'a [Arc<str>],
    pub(super) numbers: &'a [u32],
}

impl OfHour<'_> {
    fn name(&self, own: u32) -> &str {
        self.names.get(self.number(own) as usize).map_or("", |name| name)
    }

    /// The number of a name among those of all chunks.
    fn number(&self, own: u32) -> u32 {
        self.numbers.get(own as usize).copied().unwrap_or(0)
    }

    /// The name of its site.
    pub(crate) fn site(&self) -> &str {
        self.name(self.passed.site)
    }
}

impl Past for OfHour<'_> {
    type Seen<'a>
        = Seen<'a>
    where
        Self: 'a;

    fn method(&self) -> &str {
        self.name(self.passed.method)
    }

    fn path(&self) -> &str {
        self.chunk.path(self.passed)
    }

    fn status(&self) -> u16 {
        self.passed.status
    }

    fn was_refused(&self) -> bool {
        self.passed.rule != 0
    }

    fn times(&self) -> Times {
        let Passed { start, elapsed, charged, status, .. } = *self.passed;
        let times = Times::new(start.0, elapsed, Some(charged).filter(|charged| *charged > 0), status);
        if self.passed.waived { times.made_free_after(times.ends_after) } else { times }
    }

    /// The host is the one that was asked for, whatever name the site's world has.
    fn seen<'a>(&'a self, site: &'a Site, _: &'a str, lacking: &'a Lacking) -> Seen<'a> {
        Seen { of: self, site, path: OnceCell::new(), lacking }
    }
}

/// It as rules see it.
pub(crate) struct Seen<'a> {
    of: &'a OfHour<'a>,
    site: &'a Site,
    path: OnceCell<Cow<'a, str>>,
    lacking: &'a Lacking,
}

impl Facts for Seen<'_> {
    fn method(&self) -> &str {
        self.of.method()
    }

    fn path(&self) -> &str {
        self.path.get_or_init(|| self.site.paths.form(self.of.path(), EscapedSlash::IsSlash))
    }

    fn paths(&self) -> Paths {
        self.site.paths
    }

    fn ip(&self) -> Option<IpAddr> {
        self.of.passed.client
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.lacking.note("header", name);
        None
    }

    fn host(&self) -> Option<&str> {
        Some(self.of.name(self.of.passed.host))
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.lacking.note("cookie", name);
        None
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.lacking.note("query", name);
        None
    }

    fn pattern(&self) -> Option<Cow<'_, str>> {
        let pattern = self.of.name(self.of.passed.pattern);
        (!pattern.is_empty()).then(|| pattern.into())
    }

    /// Who was known to ask; where nobody was, nobody else is to be asked. The groups are not kept.
    fn identity(&self) -> Option<Identity> {
        Some(Identity::new(self.of.chunk.user(self.of.passed)))
    }

    fn api_key(&self) -> Option<&str> {
        Some(self.of.name(self.of.passed.api_key))
    }

    fn told_by_proxy(&self, header: &str) -> Vec<Cow<'_, str>> {
        self.lacking.note("header", header);
        Vec::new()
    }

    /// By its pattern, which expects the method, too; of those without one by the method.
    fn route(&self) -> u32 {
        let Passed { pattern, method, .. } = *self.of.passed;
        self.of.number(method) << 16 | self.of.number(pattern)
    }

    /// Its headers, by which a preflight is known, are not kept, and hardly any other request is an OPTIONS.
    fn is_preflight(&self) -> bool {
        self.of.method() == "OPTIONS"
    }
}
