//! Formats of access logs: how a line becomes a request.

mod clocks;
mod detect;
mod haproxy;
mod json;
mod known;
mod template;
pub(crate) mod time;
mod variables;

use std::sync::Arc;

use timebudget::Zone;

use self::clocks::Clocks;
pub(crate) use self::detect::{LOOKED_AT, Wanted};
use self::template::Template;
use crate::replay::request::Request;

/// Why a line is no request, in words for people.
pub(crate) type Unread = &'static str;

/// The line is not as the format has it.
const OTHER: Unread = "not in this format";
/// There is no instant, or none after 1970 and before the year 10000.
const NO_TIME: Unread = "no time, or an impossible one";
/// The duration is negative, longer than a year, or no number.
const NO_SPAN: Unread = "no duration, or an impossible one";
/// The connection has asked for nothing, or for nothing that is HTTP.
const NO_REQUEST: Unread = "no request";
const NO_STATUS: Unread = "no status";

/// How the lines of a log are read.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// What people call it.
    pub(crate) name: String,
    kind: Kind,
    /// The headers and cookies that the log has, by number.
    pub(crate) fields: Arc<Fields>,
    /// What else it tells.
    pub(crate) tells: Tells,
}

/// What a log tells beside times, methods and paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tells {
    /// How long requests took.
    pub(crate) spans: bool,
    /// How long their upstreams took.
    pub(crate) upstreams: bool,
    pub(crate) hosts: bool,
    pub(crate) users: bool,
    /// Instants finer than a second.
    pub(crate) fine: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Template(Template),
    Haproxy(Clocks),
    Caddy(Clocks),
    Traefik,
    Own,
}

/// The headers and cookies that a log has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(FieldKind, String)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Header,
    Cookie,
}

impl Fields {
    /// The number of a field, if the log has it. Names of headers ignore case.
    pub(crate) fn number(&self, kind: FieldKind, name: &str) -> Option<u16> {
        let is_it = |(other, known): &(FieldKind, String)| {
            *other == kind
                && if kind == FieldKind::Header { known.eq_ignore_ascii_case(name) } else { known == name }
        };
        self.0.iter().position(is_it).map(|at| at as u16)
    }

    fn add(&mut self, kind: FieldKind, name: &str) -> u16 {
        self.number(kind, name).unwrap_or_else(|| {
            self.0.push((kind, name.to_owned()));
            (self.0.len() - 1) as u16
        })
    }

    fn headers(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (FieldKind::Header, (*name).to_owned())).collect())
    }
}

impl Format {
    /// Reads a line into a request that is clear.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub(crate) fn read(&self, line: &[u8], request: &mut Request) -> Result<(), Unread> {
        match &self.kind {
            Kind::Template(template) => template.read(line, request),
            Kind::Haproxy(clocks) => haproxy::read(line, clocks, request),
            Kind::Caddy(clocks) => json::caddy(line, clocks, request),
            Kind::Traefik => json::traefik(line, request),
            Kind::Own => json::own(line, request),
        }
    }

    fn of_template(name: impl Into<String>, template: Template, fields: Fields) -> Self {
        let tells = template.tells();
        Self { name: name.into(), kind: Kind::Template(template), fields: Arc::new(fields), tells }
    }

    fn haproxy(zone: Option<Arc<Zone>>) -> Self {
        let tells = Tells { spans: true, fine: true, ..Tells::default() };
        let kind = Kind::Haproxy(Clocks::new(zone));
        Self { name: "HAProxy, httplog".to_owned(), kind, fields: Arc::default(), tells }
    }

    fn caddy(zone: Option<Arc<Zone>>) -> Self {
        let tells = Tells { spans: true, hosts: true, users: true, fine: true, upstreams: false };
        let fields = Arc::new(Fields::headers(json::CADDY_HEADERS));
        Self { name: "Caddy, JSON".to_owned(), kind: Kind::Caddy(Clocks::new(zone)), fields, tells }
    }

    fn traefik() -> Self {
        let tells = Tells { spans: true, hosts: true, users: true, fine: true, upstreams: true };
        let fields = Arc::new(Fields::headers(json::TRAEFIK_HEADERS));
        Self { name: "Traefik, JSON".to_owned(), kind: Kind::Traefik, fields, tells }
    }

    fn own() -> Self {
        let tells = Tells { spans: true, hosts: true, users: true, fine: true, upstreams: true };
        Self { name: "timebudget".to_owned(), kind: Kind::Own, fields: Arc::default(), tells }
    }
}
