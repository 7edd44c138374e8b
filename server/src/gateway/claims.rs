//! What only a proxy that is believed may say to an application: who the client is, where it comes from, what it asked for.
//!
//! An application behind a gateway takes such fields for the gateway's word, so from anybody else they stay behind.

use timebudget::{CountrySource, Site};

use crate::gateway::hop;

/// The header in which Frappe is told for which of its sites a request is.
pub(crate) const FRAPPE_SITE: &str = "x-frappe-site-name";

/// The fields by which a site's proxies are believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims<'a> {
    site: &'a Site,
    /// The header that names sites, if one does.
    site_header: Option<&'a str>,
}

impl<'a> Claims<'a> {
    pub(crate) const fn new(site: &'a Site, site_header: Option<&'a str>) -> Self {
        Self { site, site_header }
    }

    /// The site that a directory has named, which an application is told.
    pub(crate) fn site(&self) -> Option<&'a str> {
        Some(self.site.name.as_str()).filter(|name| *name != "*")
    }

    /// The field that tells an application for which site a request is.
    pub(crate) fn site_field(&self) -> &'a str {
        self.site_header.unwrap_or(FRAPPE_SITE)
    }

    /// Whether a field, by its name in lower case, says what only a proxy may say.
    pub(crate) fn has(&self, name: &str) -> bool {
        is_of_proxies(name) || self.named().any(|named| named.eq_ignore_ascii_case(name))
    }

    /// Whether a field becomes one that says such things, or that is said anew, where names are letters and underscores: what
    /// CGI, WSGI and PHP make of them all. No proxy writes them so.
    pub(crate) fn is_disguised(&self, name: &str) -> bool {
        name.contains('_') && {
            let meant = name.replace('_', "-");
            self.has(&meant) || hop::is_ours(&meant) || hop::is_hop_by_hop(&meant) || is_framing(&meant)
        }
    }

    /// The fields that the site's file names.
    fn named(&self) -> impl Iterator<Item = &'a str> {
        let Site { addresses, clients, .. } = self.site;
        let places = [&clients.country, &clients.region].into_iter().filter_map(|source| match source {
            Some(CountrySource::Header(name)) => Some(name.as_str()),
            _ => None,
        });
        let identity = clients.identity.iter();
        let identity = identity.flat_map(|headers| [Some(headers.user.as_str()), headers.groups.as_deref()]);
        [Some(addresses.header.as_str()), self.site_header]
            .into_iter()
            .chain(identity)
            .flatten()
            .chain(places)
    }
}

/// Whether proxies say it by custom, whatever the site's file names.
fn is_of_proxies(name: &str) -> bool {
    name.starts_with("x-forwarded-")
        || matches!(
            name,
            "forwarded"
                | "x-real-ip"
                | "x-client-ip"
                | "x-cluster-client-ip"
                | "x-original-forwarded-for"
                | "x-original-host"
                | "x-original-uri"
                | "x-original-url"
                | "x-rewrite-url"
                | "x-host"
                | "client-ip"
                | "true-client-ip"
                | "cf-connecting-ip"
                | "cf-connecting-ipv6"
                | "cf-ipcountry"
                | "fastly-client-ip"
                | "remote-user"
                | "x-remote-user"
                | FRAPPE_SITE
        )
}

/// Whether it says to whom, and how long, a message is.
fn is_framing(name: &str) -> bool {
    matches!(name, "host" | "content-length" | "x-request-id")
}

#[cfg(test)]
mod tests {
    use timebudget::{ClientPolicy, IdentityHeaders};

    use super::*;

    fn site() -> Site {
        let identity = IdentityHeaders { user: "X-Auth-User".into(), groups: Some("X-Auth-Groups".into()) };
        let country = Some(CountrySource::Header("X-Country".into()));
        let mut site = Site::unlimited("shop.example");
        site.addresses.header = "X-Edge-IP".into();
        site.clients = ClientPolicy { identity: Some(identity), country, ..ClientPolicy::default() };
        site
    }

    #[test]
    fn what_a_site_file_names_is_of_proxies_and_what_all_proxies_say() {
        let site = site();
        let claims = Claims::new(&site, Some("X-Site"));
        for name in [
            "x-auth-user",
            "x-auth-groups",
            "x-country",
            "x-edge-ip",
            "x-site",
            "x-real-ip",
            "x-forwarded-port",
            "x-forwarded-user",
            "x-rewrite-url",
            "cf-connecting-ip",
            "x-frappe-site-name",
        ] {
            assert!(claims.has(name), "{name}");
        }
        for name in [
            "x-api-key",
            "authorization",
            "cookie",
            "x-forwarded",
            "user-agent",
            "traceparent",
            "accept",
            "x-users",
        ] {
            assert!(!claims.has(name), "{name}");
        }
    }

    #[test]
    fn underscores_disguise_nothing() {
        let site = site();
        let claims = Claims::new(&site, None);
        for name in [
            "x_forwarded_for",
            "x-forwarded_proto",
            "x_auth_user",
            "content_length",
            "transfer_encoding",
            "x_real-ip",
        ] {
            assert!(claims.is_disguised(name), "{name}");
        }
        for name in ["api_key", "x_request", "x-forwarded-for", "_"] {
            assert!(!claims.is_disguised(name), "{name}");
        }
    }
}
