//! What accounts are keyed by: from the facts of a request to the bytes of its key.

use std::fmt;

use crate::model::account::{Key, KeyBytes, KeyValue, Value};
use crate::model::client::{Country, Need, Region};
use crate::model::condition::{Computed, Facts};
use crate::model::said::separated;

/// What an account is keyed by: the values of these facts, in this order.
///
/// Requests with the same values share an account, and their quota. Every component multiplies the accounts that there can
/// be, so a key of what clients choose freely gives each client as many as it likes: see
/// [`can_be_rotated`](Self::can_be_rotated). Values are hashed with a secret before they become an account; they stand in no
/// log.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, KeySpec};
/// let by_client = KeySpec::from(Component::Ip);
/// let by_tenant_and_route = KeySpec::from([Component::Header("x-tenant".into()), Component::Route]);
/// assert_eq!(by_tenant_and_route.to_string(), "header:x-tenant + route");
/// assert!(!by_client.can_be_rotated() && by_tenant_and_route.can_be_rotated());
/// assert!(KeySpec::from(Component::Site).is_constant());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeySpec(pub Vec<Component>);

impl From<Component> for KeySpec {
    fn from(component: Component) -> Self {
        Self(vec![component])
    }
}

impl<const N: usize> From<[Component; N]> for KeySpec {
    fn from(components: [Component; N]) -> Self {
        Self(components.into())
    }
}

/// One fact that tells accounts apart.
///
/// Displays as the site file writes it.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, KeySpec};
/// let names = [Component::Ip, Component::Header("x-tenant".into()), Component::ApiKey].map(|part| part.to_string());
/// assert_eq!(names, ["ip", "header:x-tenant", "api_key"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Component {
    /// The site: one account for all its requests.
    Site,
    /// The client's address: of IPv6 as many bits as the site's
    /// [`ipv6_prefix`](crate::AddressPolicy::ipv6_prefix) says, since one customer has at least a /64.
    Ip,
    /// The configured name or wildcard that the request asks for.
    Host,
    /// The method; HEAD is GET, and all methods that no standard knows are one.
    Method,
    /// The path, in the form in which rules see it: each `/users/7` has an account of its own.
    Path,
    /// The pattern of the route: all of `/users/{id}` share one. Requests that reach no route are one.
    Route,
    /// The value of a header; of several, the first.
    Header(String),
    /// The value of a cookie; of several, the first.
    Cookie(String),
    /// The value of a parameter of the query; of several, the last.
    Query(String),
    /// The user who asks, as trusted proxies or the application tell it.
    User,
    /// The API key that the client has sent, if it is known.
    ApiKey,
    /// The client's tier.
    Tier,
    /// The groups that the user is in, in any order.
    Groups,
    /// The country that the client is in.
    Country,
    /// The region that the client is in.
    Region,
    /// What a closure says; `None` and an empty text are none.
    Computed(Computed<Option<KeyValue>>),
}

/// What stands in for a component that a request does not have. An empty value is none.
///
/// A stand-in is marked as such in the key, so that nobody can send a header whose value is somebody else's address, and
/// spend what is theirs.
///
/// # Examples
///
/// A rule by tenant, for requests that say one: others are not limited by it. By default they would be, each address by itself.
///
/// ```
/// use timebudget::{Component, Missing, Rule, parse_rates};
/// let tenant = Component::Header("x-tenant".into());
/// let by_tenant = Rule::new("tenants", tenant, parse_rates("1000 per hour")?);
/// assert_eq!(by_tenant.missing, Missing::Use(Component::Ip));
/// let _only_tenants = Rule { missing: Missing::Skip, ..by_tenant };
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Another component; requests that lack it too share one account. By default it is the client's address.
    Use(Component),
    /// The rule does not apply to the request: whoever leaves the header out is not limited by it.
    Skip,
}

/// Marks a part that stands in for another, so that nobody can choose the value of a header to be somebody's address.
const STAND_IN: u8 = 0x80;

/// Marks an address where a component also gives texts: one of four bytes is not the address that has these octets.
const ADDRESS: u8 = 0x01;

impl KeySpec {
    /// Whether all requests of a site have the same key.
    pub fn is_constant(&self) -> bool {
        self.0.iter().all(|component| *component == Component::Site)
    }

    /// The kind of its only part, if that is an address.
    pub(crate) fn kind_of_address(&self) -> Option<u8> {
        matches!(self.0.as_slice(), [Component::Ip]).then(|| Component::Ip.kind())
    }

    /// Whether clients could change their account at will: they choose one component freely, and no other says who they are.
    ///
    /// Such a key limits nobody who does not want to be limited; site files and builders warn of it. A header, a cookie and a
    /// parameter can be whatever a client likes, and a path is what it likes beside them. Of sites, hosts, methods and routes there
    /// are few, whoever chooses among them. A path alone is left to the application's routes: behind an upstream, which has none
    /// that are known, the warning is about paths as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, KeySpec};
    /// let header = || Component::Header("x-tenant".into());
    /// assert!(KeySpec::from([Component::Site, header()]).can_be_rotated());
    /// assert!(!KeySpec::from([Component::Ip, header()]).can_be_rotated());
    /// assert!(!KeySpec::from([Component::Host, Component::Route]).can_be_rotated());
    /// ```
    pub fn can_be_rotated(&self) -> bool {
        self.tells_nobody_apart() && self.has_freely_chosen()
    }

    /// Whether each client can have as many accounts as it likes: beside who it is, it chooses a component freely.
    pub(crate) fn can_be_multiplied(&self) -> bool {
        !self.tells_nobody_apart() && self.has_freely_chosen()
    }

    /// Whether clients send what they like for one of the components.
    pub(crate) fn has_freely_chosen(&self) -> bool {
        self.0.iter().any(Component::is_chosen_freely)
    }

    /// Whether clients could change their account at will where any path is one.
    pub(crate) fn can_be_rotated_by_path(&self) -> bool {
        self.tells_nobody_apart() && self.0.contains(&Component::Path)
    }

    /// Whether no component says who a client is, by what it cannot choose.
    fn tells_nobody_apart(&self) -> bool {
        let is_chosen =
            |part: &Component| part.is_one_of_few() || part.is_chosen_freely() || *part == Component::Path;
        self.0.iter().all(is_chosen)
    }

    /// The key of a request; `None` if a component is missing and the rule is to be skipped then.
    pub fn bytes(&self, missing: &Missing, facts: &dyn Facts, ipv6_prefix: u8) -> Option<KeyBytes> {
        let mut bytes = KeyBytes::default();
        self.append(missing, facts, ipv6_prefix, &mut bytes)?;
        Some(bytes)
    }

    /// Appends the key of a request to others; `None` if a component is missing and the rule is to be skipped then.
    #[inline]
    pub(crate) fn append(
        &self,
        missing: &Missing,
        facts: &dyn Facts,
        ipv6_prefix: u8,
        bytes: &mut KeyBytes,
    ) -> Option<()> {
        for component in &self.0 {
            if component.write(facts, ipv6_prefix, 0, bytes) {
                continue;
            }
            let Missing::Use(other) = missing else { return None };
            if !other.write(facts, ipv6_prefix, STAND_IN, bytes) {
                bytes.absent(component.kind() | STAND_IN);
            }
        }
        Some(())
    }

    /// The key of the requests whose parts have these values; `None` if they are not of these parts.
    pub(crate) fn bytes_of(&self, key: &Key, ipv6_prefix: u8) -> Option<KeyBytes> {
        let mut bytes = KeyBytes::default();
        let mut values = key.0.iter();
        for part in self.0.iter().filter(|part| **part != Component::Site) {
            part.write_value(values.next()?, ipv6_prefix, &mut bytes)?;
        }
        values.next().is_none().then_some(bytes)
    }
}

impl Component {
    /// Appends the component's value, or that there is none, to a key of other parts.
    pub(crate) fn append(&self, facts: &dyn Facts, bytes: &mut KeyBytes) {
        if !self.write(facts, 128, 0, bytes) {
            bytes.absent(self.kind());
        }
    }

    /// Appends the component's value; `false` if the request has none.
    fn write(&self, facts: &dyn Facts, ipv6_prefix: u8, mark: u8, bytes: &mut KeyBytes) -> bool {
        let kind = self.kind() | mark;
        match self {
            // The site's name is part of the book.
            Self::Site => {}
            Self::Host => return write_text(bytes, kind, facts.host()),
            Self::Ip => {
                let Some(address) = facts.ip() else { return false };
                bytes.address(kind, address, ipv6_prefix);
            }
            Self::Method => bytes.text(kind, standard_method(facts.method())),
            Self::Path => bytes.text(kind, facts.path()),
            Self::Route => return write_text(bytes, kind, facts.pattern().as_deref()),
            Self::Header(name) => return write_bytes(bytes, kind, facts.header(name)),
            Self::Cookie(name) => return write_bytes(bytes, kind, facts.cookie(name).as_deref()),
            Self::Query(name) => return write_bytes(bytes, kind, facts.query(name).as_deref()),
            Self::User => return write_text(bytes, kind, facts.user()),
            Self::ApiKey => return write_text(bytes, kind, facts.api_key()),
            Self::Tier => return write_text(bytes, kind, facts.tier()),
            Self::Region => return write_text(bytes, kind, facts.region().as_ref().map(Region::code)),
            Self::Country => return write_text(bytes, kind, facts.country().as_ref().map(Country::code)),
            Self::Groups => {
                let groups = facts.groups();
                // One part for each: no other component of the key has their kind.
                groups.iter().for_each(|group| bytes.text(kind, group));
                return !groups.is_empty();
            }
            Self::Computed(computed) => {
                let value = computed.compute(facts);
                return value.and_then(|value| self.write_own(&value, kind, ipv6_prefix, bytes)).is_some();
            }
        }
        true
    }

    /// Appends a value as if a request had it; `None` if no request has it.
    fn write_value(&self, value: &KeyValue, ipv6_prefix: u8, bytes: &mut KeyBytes) -> Option<()> {
        match (self, value.text()) {
            (Self::Ip, Some(text)) => {
                bytes.address(self.kind(), str::from_utf8(text).ok()?.parse().ok()?, ipv6_prefix);
            }
            (Self::Method, Some(text)) => {
                bytes.text(self.kind(), standard_method(str::from_utf8(text).ok()?));
            }
            _ => self.write_own(value, self.kind(), ipv6_prefix, bytes)?,
        }
        Some(())
    }

    /// Appends a value that code gives; `None` if it is none.
    fn write_own(&self, value: &KeyValue, kind: u8, ipv6_prefix: u8, bytes: &mut KeyBytes) -> Option<()> {
        match &value.0 {
            Value::Text(text) if text.is_empty() => return None,
            Value::Text(text) => bytes.text(kind, text),
            Value::Address(address) => match self {
                Self::Ip => bytes.address(kind, *address, ipv6_prefix),
                Self::Computed(_) => bytes.address(kind | ADDRESS, *address, ipv6_prefix),
                _ => bytes.text(kind, address.to_string()),
            },
        }
        Some(())
    }

    /// Whether clients send what they like.
    const fn is_chosen_freely(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Cookie(_) | Self::Query(_))
    }

    /// Whether there are as many values as the site and its application have, whoever chooses among them.
    const fn is_one_of_few(&self) -> bool {
        matches!(self, Self::Site | Self::Host | Self::Method | Self::Route)
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Ip => 0,
            Self::Site => 1,
            Self::Host => 2,
            Self::Method => 3,
            Self::Path => 4,
            Self::Route => 5,
            Self::Header(_) => 6,
            Self::Cookie(_) => 7,
            Self::Query(_) => 8,
            Self::User => 9,
            Self::ApiKey => 10,
            Self::Tier => 11,
            Self::Groups => 12,
            Self::Country => 13,
            Self::Region => 14,
            Self::Computed(_) => 0x40,
        }
    }
}

/// A method by its name, or none: a client could otherwise invent methods and have an account for each.
fn standard_method(method: &str) -> &str {
    match method {
        "HEAD" => "GET",
        "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT" => method,
        _ => "",
    }
}

fn write_text(bytes: &mut KeyBytes, kind: u8, text: Option<&str>) -> bool {
    write_bytes(bytes, kind, text.map(str::as_bytes))
}

fn write_bytes(bytes: &mut KeyBytes, kind: u8, value: Option<&[u8]>) -> bool {
    let value = value.filter(|value| !value.is_empty());
    if let Some(value) = value {
        bytes.text(kind, value);
    }
    value.is_some()
}

impl fmt::Display for Component {
    /// Writes the component as the site file does: `ip`, `header:x-api-key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("site"),
            Self::Ip => f.write_str("ip"),
            Self::Host => f.write_str("host"),
            Self::Method => f.write_str("method"),
            Self::Path => f.write_str("path"),
            Self::Route => f.write_str("route"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::User => f.write_str("user"),
            Self::ApiKey => f.write_str("api_key"),
            Self::Tier => f.write_str("tier"),
            Self::Groups => f.write_str("groups"),
            Self::Country => f.write_str("country"),
            Self::Region => f.write_str("region"),
            Self::Computed(_) => f.write_str("what code says"),
        }
    }
}

impl fmt::Display for KeySpec {
    /// Writes the components, separated by ` + `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.0, " + ")
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Use(component) => component.fmt(f),
            Self::Skip => f.write_str("skip"),
        }
    }
}

impl Component {
    /// What the component needs to know of clients.
    pub(crate) const fn need(&self) -> Option<Need> {
        match self {
            Self::User => Some(Need::User),
            Self::ApiKey => Some(Need::ApiKeys),
            Self::Tier => Some(Need::Tier),
            Self::Groups => Some(Need::Groups),
            Self::Country => Some(Need::Country),
            Self::Region => Some(Need::Region),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::condition::Asked;

    fn key(parts: &[Component], missing: &Missing, request: &Asked) -> Option<KeyBytes> {
        KeySpec(parts.to_vec()).bytes(missing, request, 64)
    }

    fn header() -> Component {
        Component::Header("x-key".to_owned())
    }

    #[test]
    fn a_header_cannot_stand_for_somebodys_address() {
        let forged = key(&[header()], &Missing::Use(Component::Ip), &Asked("GET", "/", "\u{c0}\0\u{2}\u{7}"));
        let absent = key(&[header()], &Missing::Use(Component::Ip), &Asked("GET", "/", ""));
        let address = key(&[Component::Ip], &Missing::Skip, &Asked("GET", "/", ""));
        assert!(forged != absent && absent != address && absent.is_some());
    }

    #[test]
    fn a_rule_is_skipped_where_a_component_is_missing_if_it_says_so() {
        assert_eq!(key(&[Component::Ip, header()], &Missing::Skip, &Asked("GET", "/", "")), None);
        assert!(key(&[Component::Ip, header()], &Missing::Skip, &Asked("GET", "/", "a")).is_some());
    }

    #[test]
    fn invented_methods_are_one() {
        let of = |method| key(&[Component::Method], &Missing::Skip, &Asked(method, "/", ""));
        assert_eq!(of("FOO"), of("get"));
        assert_eq!(of("HEAD"), of("GET"));
        assert!(of("GET") != of("POST") && of("FOO") != of("GET"));
    }

    /// A constant beside what clients choose made the warning go away, and so did a path.
    #[test]
    fn a_key_of_what_clients_choose_can_be_rotated_whatever_else_they_choose() {
        let chosen = [header(), Component::Cookie("sid".into()), Component::Query("q".into())];
        let binding = [
            Component::Ip,
            Component::User,
            Component::ApiKey,
            Component::Tier,
            Component::Groups,
            Component::Country,
        ];
        for chosen in chosen {
            assert!(KeySpec(vec![chosen.clone()]).can_be_rotated());
            for few in
                [Component::Site, Component::Host, Component::Method, Component::Route, Component::Path]
            {
                assert!(KeySpec(vec![few.clone(), chosen.clone()]).can_be_rotated(), "{few} + {chosen}");
                assert!(!KeySpec(vec![few]).can_be_rotated());
            }
            for who in &binding {
                let key = KeySpec(vec![chosen.clone(), who.clone(), Component::Path]);
                assert!(!key.can_be_rotated() && !key.can_be_rotated_by_path(), "{key}");
                assert!(key.can_be_multiplied(), "{key}");
                assert!(!KeySpec(vec![who.clone(), Component::Path]).can_be_multiplied(), "{who}");
            }
        }
        assert!(!KeySpec(vec![]).can_be_rotated());
    }

    #[test]
    fn a_path_rotates_where_no_routes_are_known() {
        for (key, rotates) in [
            (vec![Component::Path], true),
            (vec![Component::Site, Component::Path], true),
            (vec![Component::Path, Component::Ip], false),
            (vec![Component::Route], false),
        ] {
            assert_eq!(KeySpec(key).can_be_rotated_by_path(), rotates);
        }
    }
}
