//! One file of a configuration, read on its own.

use std::sync::Arc;

use serde_json::Error;

use crate::config::address::{forwarded_header, header_name, ipv6_prefix, trusted_hops, trusted_proxies};
use crate::config::clients::ClientLayer;
use crate::config::condition::exemption;
use crate::config::document::{Document, Value};
use crate::config::headers::policy;
use crate::config::hosts::{Claimed, domains, hosts};
use crate::config::json::{Json, Unreadable};
use crate::config::names::{DOMAINS, HOSTS, NOW, OF_ALL, ON_ERROR, PREFIX, SITE_HEADER, STORE, TRUSTED_HOPS};
use crate::config::node::{Node, TWICE, unknown};
use crate::config::on_error::{OnError, on_error};
use crate::config::origin::Origin;
use crate::config::paths::paths;
use crate::config::rate_limit;
use crate::config::references::{Origins, References};
use crate::config::report::Report;
use crate::config::rules;
use crate::config::said::Said;
use crate::config::setting::{Setting, setting};
use crate::model::excerpt;
use crate::model::{AddressPolicy, Condition, HeaderPolicy, Paths, Proxy, Rule, Site, Zone};
use crate::store::StoreUri;

/// Whose file it is; the key `default_site` is ours in the common file only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Common,
    Site,
}

/// What one file says. Layers are read alone, so a mistake is reported once however many sites it concerns.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    zone: Setting<Arc<Zone>>,
    /// Those of `rate_limit`.
    pub(super) budget: Setting<Vec<Rule>>,
    /// Those of `rate_limit_rules`.
    rules: Setting<Vec<Rule>>,
    headers: Setting<HeaderPolicy>,
    exempt: Setting<Condition>,
    trusted_proxies: Setting<Vec<Proxy>>,
    trusted_hops: Setting<u8>,
    paths: Setting<Paths>,
    forwarded_header: Setting<String>,
    ipv6_prefix: Setting<u8>,
    clients: ClientLayer,
    default_site: Setting<String>,
    /// What `rate_limit_hosts` lists.
    hosts: Setting<Vec<Claimed>>,
    /// What bench's `domains` lists.
    domains: Vec<Claimed>,
    on_error: Setting<OnError>,
    site_header: Setting<String>,
    /// Whether something is wrong in it, so that it does not say all that it should.
    is_flawed: bool,
    /// The file, as messages name it.
    pub(super) file: Arc<str>,
    /// The files that its keys stand in.
    pub(super) origins: Origins,
    store: Setting<(StoreUri, Origin)>,
    /// Whether anything is limited; only the environment says so.
    pub(super) enabled: Setting<bool>,
    /// Whether there are headers, whatever `rate_limit_headers` says; only the environment does.
    pub(super) headers_enabled: Setting<bool>,
    /// The keys that are there, to be shown.
    pub(super) said: Said,
}

impl Layer {
    /// Reads a file's text; the report has what is wrong with it.
    pub(super) fn read(text: &str, scope: Scope, report: &mut Report) -> Self {
        let mut layer = Self { file: Arc::from(report.file()), ..Self::default() };
        let errors = report.errors();
        // Some editors put a byte order mark first, which is no JSON.
        let document = Document::new(text.trim_start_matches('\u{feff}'));
        match document.members() {
            Err(error) => report.wrong_file(syntax_fault(&error)),
            Ok(None) => report.wrong_file("no object; expected one JSON object"),
            Ok(Some(members)) => layer.read_members(&members, scope, report),
        }
        layer.is_flawed = report.errors() > errors;
        layer
    }

    /// What is left of a file that cannot be read.
    pub(super) fn flawed() -> Self {
        Self { is_flawed: true, ..Self::default() }
    }

    /// The site that this layer and the common one below it describe; the report has what does not fit together.
    pub(super) fn site(self, name: &str, common: &Self, report: &mut Report) -> Site {
        let (file, origins) = (Arc::clone(&self.file), merged(&self.origins, &common.origins));
        let is_flawed = self.is_flawed || common.is_flawed;
        let site = self.unchecked_site(name, common);
        if !is_flawed {
            let mut references = References { site: &site, origins: &origins, report };
            references.check();
            references.check_rules(&file, &site.rules.iter().collect::<Vec<_>>());
        }
        site
    }

    /// The same without a look at what does not fit together.
    pub(super) fn unchecked_site(self, name: &str, common: &Self) -> Site {
        let own = self.or(common.clone());
        let (clients, tiers) = own.clients.policy();
        let hosts = own.hosts.value().into_iter().flatten().chain(own.domains).map(|claimed| claimed.host);
        let hosts = hosts.collect();
        let default = Site::unlimited(name);
        let AddressPolicy { trusted_proxies, trusted_hops, header, ipv6_prefix } = default.addresses;
        Site {
            zone: own.zone.value().unwrap_or(default.zone),
            rules: [own.rules, own.budget].into_iter().filter_map(Setting::value).flatten().collect(),
            exempt: match own.enabled.value() {
                Some(false) => Some(Condition::ALWAYS),
                _ => own.exempt.value(),
            },
            paths: own.paths.value().unwrap_or(default.paths),
            addresses: AddressPolicy {
                trusted_proxies: own.trusted_proxies.value().unwrap_or(trusted_proxies),
                trusted_hops: own.trusted_hops.value().unwrap_or(trusted_hops),
                header: own.forwarded_header.value().unwrap_or(header),
                ipv6_prefix: own.ipv6_prefix.value().unwrap_or(ipv6_prefix),
            },
            headers: own_headers(own.headers, own.headers_enabled),
            clients,
            tiers,
            name: default.name,
            hosts,
        }
    }

    /// What this layer and the one below it say together, key by key.
    pub(super) fn or(self, below: Self) -> Self {
        Self {
            zone: self.zone.or(below.zone),
            budget: self.budget.or(below.budget),
            rules: self.rules.or(below.rules),
            headers: self.headers.or(below.headers),
            exempt: self.exempt.or(below.exempt),
            paths: self.paths.or(below.paths),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            trusted_hops: self.trusted_hops.or(below.trusted_hops),
            forwarded_header: self.forwarded_header.or(below.forwarded_header),
            ipv6_prefix: self.ipv6_prefix.or(below.ipv6_prefix),
            clients: self.clients.or(below.clients),
            default_site: self.default_site.or(below.default_site),
            hosts: self.hosts.or(below.hosts),
            domains: if self.domains.is_empty() { below.domains } else { self.domains },
            on_error: self.on_error.or(below.on_error),
            site_header: self.site_header.or(below.site_header),
            origins: merged(&self.origins, &below.origins),
            // The environment stands in no file, and above one.
            file: if self.file.is_empty() { below.file } else { self.file },
            is_flawed: self.is_flawed || below.is_flawed,
            store: self.store.or(below.store),
            enabled: self.enabled.or(below.enabled),
            headers_enabled: self.headers_enabled.or(below.headers_enabled),
            said: self.said.or(below.said),
        }
    }

    /// Where accounts are kept, if this layer says so.
    pub(super) fn store(&self) -> Option<(StoreUri, Origin)> {
        self.store.clone().value()
    }

    /// The zone, if this layer names one.
    pub(super) fn zone(&self) -> Option<&Arc<Zone>> {
        self.zone.get()
    }

    /// Whether what it says depends on more files than its own.
    pub(super) fn reads_others(&self) -> bool {
        self.clients.reads_others()
    }

    /// The hosts that it claims for its site.
    pub(super) fn claims(&self) -> impl Iterator<Item = &Claimed> {
        self.hosts.get().into_iter().flatten().chain(self.domains())
    }

    /// Those that bench lists.
    pub(super) fn domains(&self) -> impl Iterator<Item = &Claimed> {
        self.domains.iter()
    }

    /// What becomes of sites whose own file is wrong.
    pub(super) fn on_error(&self) -> OnError {
        self.on_error.get().copied().unwrap_or_default()
    }

    /// The header in which trusted proxies name the site.
    pub(super) fn site_header(&self) -> Option<&String> {
        self.site_header.get()
    }

    /// The site that answers for unknown hosts, as it is written.
    pub(super) fn default_site(&self) -> Option<String> {
        self.default_site.clone().value()
    }

    fn read_members(&mut self, members: &[(String, Value<'_>)], scope: Scope, report: &mut Report) {
        for (i, (key, value)) in members.iter().enumerate() {
            if !is_ours(key, scope) {
                continue;
            }
            if members[..i].iter().any(|(other, _)| other == key) {
                report.wrong(&excerpt(key), None, TWICE);
                continue;
            }
            match (Json::read(*value), misplaced(key, scope)) {
                (Ok(json), Some(fault)) if json != Json::Null => {
                    report.wrong(key, Some(json.discreetly()), fault);
                }
                (Ok(json), _) => self.read_member(key, &json, report),
                (Err(unreadable), _) => report.wrong(&excerpt(key), None, unreadable_fault(&unreadable)),
            }
        }
    }

    fn read_member(&mut self, key: &str, json: &Json<'_>, report: &mut Report) {
        let node = Node::top(key, json);
        self.origins.insert(key.to_owned(), Arc::clone(&self.file));
        // The store's text holds a password, and what else bench keeps of domains is its own.
        if ![STORE, DOMAINS].contains(&key) {
            self.said.push(key, json, Origin::File(report.file().into()));
        }
        match key {
            "time_zone" => self.zone = setting(&node, zone, report),
            "rate_limit" => self.budget = setting(&node, rate_limit::rules, report),
            "rate_limit_rules" => self.rules = setting(&node, rules::rules, report),
            "rate_limit_headers" => self.headers = setting(&node, policy, report),
            "rate_limit_exempt" => self.exempt = setting(&node, exemption, report),
            "rate_limit_paths" => self.paths = setting(&node, paths, report),
            "rate_limit_trusted_proxies" => self.trusted_proxies = setting(&node, trusted_proxies, report),
            TRUSTED_HOPS => self.trusted_hops = setting(&node, trusted_hops, report),
            "rate_limit_forwarded_header" => self.forwarded_header = setting(&node, forwarded_header, report),
            "rate_limit_ipv6_prefix" => self.ipv6_prefix = setting(&node, ipv6_prefix, report),
            "default_site" => self.default_site = setting(&node, default_site, report),
            HOSTS => self.hosts = setting(&node, hosts, report),
            DOMAINS => self.domains = domains(&node, report),
            ON_ERROR => self.on_error = setting(&node, on_error, report),
            SITE_HEADER => self.site_header = setting(&node, site_header, report),
            STORE => self.store = setting(&node, store, report),
            _ if self.clients.read_member(key, &node, report) => {}
            _ => report.wrong(&excerpt(key), Some(json.discreetly()), unknown(key, &NOW)),
        }
    }
}

fn is_ours(key: &str, scope: Scope) -> bool {
    let of_others = if scope == Scope::Common { "default_site" } else { DOMAINS };
    key == "time_zone" || key.starts_with(PREFIX) || key == of_others
}

/// What is wrong with a key of ours in this file, if it belongs into another.
fn misplaced(key: &str, scope: Scope) -> Option<&'static str> {
    match scope {
        Scope::Site if key == STORE => Some(STORE_OF_A_SITE),
        Scope::Site if OF_ALL.contains(&key) => Some(OF_ALL_SITES),
        Scope::Common if key == HOSTS => Some(HOSTS_OF_ALL),
        _ => None,
    }
}

/// The files of a layer's keys, and of those that only the one below it has.
fn merged(own: &Origins, below: &Origins) -> Origins {
    let mut merged = below.clone();
    merged.extend(own.iter().map(|(key, file)| (key.clone(), Arc::clone(file))));
    merged
}

fn own_headers(headers: Setting<HeaderPolicy>, enabled: Setting<bool>) -> HeaderPolicy {
    let policy = headers.value().unwrap_or_default();
    HeaderPolicy { enabled: enabled.value().unwrap_or(policy.enabled), ..policy }
}

const STORE_OF_A_SITE: &str = "is not a site's to say, for all sites share a store; expected it in \
     common_site_config.json or in RATELIMIT_STORAGE_URI";

const OF_ALL_SITES: &str =
    "is not a site's to say, for it concerns all of them; expected it in common_site_config.json";

const HOSTS_OF_ALL: &str =
    "no two sites answer for one host; expected it in the file of the site that answers";

/// Where accounts are kept. The text holds a password, and so stands in no message.
fn store(node: &Node<'_>, report: &mut Report) -> Option<(StoreUri, Origin)> {
    let Json::Text(text) = node.json() else {
        report.wrong(
            STORE,
            Some(node.json().discreetly()),
            "no text; expected a URI such as \"redis://localhost\"",
        );
        return None;
    };
    let uri = StoreUri::parse(text).map_err(|error| report.wrong(STORE, None, error)).ok()?;
    Some((uri, Origin::File(report.file().into())))
}

fn zone(node: &Node<'_>, report: &mut Report) -> Option<Arc<Zone>> {
    const EXPECTED: &str = "an IANA name such as \"Europe/Paris\"";
    let name = node.text(EXPECTED, report)?;
    match report.zone(name) {
        Ok(zone) => Some(zone),
        Err(unknown) => match unknown.nearest() {
            Some(meant) => node.wrong(format_args!("no such time zone; did you mean \"{meant}\"?"), report),
            None => node.wrong(format_args!("no such time zone; expected {EXPECTED}"), report),
        },
    }
}

fn default_site(node: &Node<'_>, report: &mut Report) -> Option<String> {
    node.text("the name of a site", report).map(str::to_owned)
}

fn site_header(node: &Node<'_>, report: &mut Report) -> Option<String> {
    header_name(node, "the name of a header, such as \"X-Frappe-Site-Name\"", report)
}

/// `line 3, column 5: not JSON: …`, where serde_json writes the position last.
fn syntax_fault(error: &Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let fault = text.strip_suffix(&format!(" at line {line} column {column}"));
    // Where a line ends too soon, serde_json counts its column from 0.
    let column = column.max(1);
    format!("line {line}, column {column}: not JSON: {}", fault.unwrap_or(&text))
}

const fn unreadable_fault(unreadable: &Unreadable) -> &'static str {
    match unreadable {
        Unreadable::NotUnicode => "half a character; expected texts of whole Unicode characters",
        Unreadable::TooDeep => "too deep; expected at most 32 levels of lists and objects",
    }
}
