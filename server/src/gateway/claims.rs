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
    NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// What the names of fields begin with of which proxies, and those who stand for them, have whole families.
const FAMILIES: [&str; 26] = [
    "x-forwarded-",
    "x-original-",
    // Who the client is, by a proxy that has asked it.
    "remote-",
    "x-remote-",
    "x-auth-request-",
    "x-authenticated-",
    "x-authentik-",
    "x-consumer-",
    "x-credential-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-amzn-mtls-",
    "x-amzn-oidc-",
    "x-pomerium-",
    "tailscale-",
    "oidc-",
    // With what certificate.
    "client-cert",
    "ssl-client-",
    "x-client-cert",
    "x-ssl-client-",
    // From where.
    "cf-",
    "cloudfront-",
    "x-appengine-",
    "x-envoy-",
];

const NAMES: [&str; 44] = [
    "forwarded",
    // The client's address.
    "ali-cdn-real-ip",
    "cdn-src-ip",
    "client-ip",
    "do-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "incap-client-ip",
    "true-client-ip",
    "x-akamai-edgescape",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-nf-client-connection-ip",
    "x-originating-ip",
    "x-real-ip",
    "x-sucuri-clientip",
    "x-vercel-ip-country",
    "wl-proxy-client-ip",
    // By which way it came.
    "fastly-ff",
    "fastly-ssl",
    "front-end-https",
    "wl-proxy-ssl",
    "x-arr-clientcert",
    "x-arr-ssl",
    "x-azure-fdid",
    "x-https",
    "x-proto",
    "x-scheme",
    "x-url-scheme",
    // What was asked for.
    "path-info",
    "script-name",
    "x-host",
    "x-rewrite-url",
    "x-script-name",
    // Where files lie that the proxy is to send, which it asks of the application (Rack).
    "x-accel-mapping",
    "x-sendfile-type",
    // Who the client is.
    "x-anonymous-consumer",
    "x-client-dn",
    "x-client-verify",
    "x-userinfo",
    "x-webauth-user",
    FRAPPE_SITE,
];

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
            "remote-user",
            "client-cert",
            "client-cert-chain",
            "x-scheme",
            "front-end-https",
            "x-envoy-external-address",
            "x-azure-clientip",
            "fly-client-ip",
            "x-sendfile-type",
            "x-accel-mapping",
            "remote-groups",
            "x-remote-group",
            "x-auth-request-email",
            "ssl-client-verify",
            "x-ssl-client-cert",
            "x-amzn-oidc-data",
            "x-goog-iap-jwt-assertion",
            "x-ms-client-principal-name",
            "cf-visitor",
            "cloudfront-viewer-address",
            "script-name",
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
            "x-amzn-trace-id",
            "x-client-version",
            "x-csrf-token",
            "x-http-method-override",
            "x-requested-with",
            "client-id",
            "range",
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
            "script_name",
            "path_info",
            "oidc_claim_sub",
            "remote_user",
        ] {
            assert!(claims.is_disguised(name), "{name}");
        }
        for name in ["api_key", "x_request", "x-forwarded-for", "_"] {
            assert!(!claims.is_disguised(name), "{name}");
        }
    }
}
