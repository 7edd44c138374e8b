//! Where the servers are, and what they are to each other.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::store::uri::error::{UriFault, no_such_scheme};
use crate::store::uri::parts::decoded;

/// Where the servers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One server, behind a host's port.
    Single(Node, i64),
    /// One server, behind a socket of this machine.
    Unix(PathBuf),
    /// The master that sentinels name.
    Sentinel {
        sentinels: Vec<Node>,
        service: String,
        database: i64,
    },
    Cluster(Vec<Node>),
}

/// A host, an IPv6 address without its brackets, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl Topology {
    /// The scheme by its known name, and what stands behind it and behind the password.
    pub(crate) fn parse(scheme: &str, place: &str) -> Result<(&'static str, Self), UriFault> {
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        let cluster = || {
            no_path(path)?;
            Ok(Self::Cluster(nodes(hosts, PORT)?))
        };
        Ok(match scheme {
            "redis" => ("redis", single(hosts, path)?),
            "rediss" => ("rediss", single(hosts, path)?),
            "redis+unix" => ("redis+unix", unix(place)?),
            "redis+sentinel" => ("redis+sentinel", sentinel(hosts, path)?),
            "rediss+sentinel" => ("rediss+sentinel", sentinel(hosts, path)?),
            "redis+cluster" => ("redis+cluster", cluster()?),
            "rediss+cluster" => ("rediss+cluster", cluster()?),
            _ => return Err(no_such_scheme(scheme)),
        })
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl fmt::Display for Topology {
    /// Writes all that stands between the password and the parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(node, 0) => node.written(f, PORT),
            Self::Single(node, database) => {
                node.written(f, PORT)?;
                write!(f, "/{database}")
            }
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Sentinel { sentinels, service, database } => {
                separated(f, sentinels, SENTINEL_PORT)?;
                write!(f, "/{service}")?;
                if *database == 0 { Ok(()) } else { write!(f, "/{database}") }
            }
            Self::Cluster(nodes) => separated(f, nodes, PORT),
        }
    }
}

impl Node {
    fn parse(text: &str, default_port: u16) -> Result<Self, UriFault> {
        const EXPECTED: &str = "expected HOST or HOST:PORT, an IPv6 address in brackets";
        let expected = || UriFault::new("host", EXPECTED);
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| expected())?),
            _ => (text, default_port),
        };
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_sound = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(is_of_host),
        };
        let host = bracketed.unwrap_or(host).to_owned();
        if is_sound { Ok(Self { host, port }) } else { Err(expected()) }
    }

    fn written(&self, f: &mut fmt::Formatter<'_>, default_port: u16) -> fmt::Result {
        let Self { host, port } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{host}{close}")?;
        if *port == default_port { Ok(()) } else { write!(f, ":{port}") }
    }
}

/// Names of hosts in their ASCII form; Docker's may have an underscore.
const fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn nodes(hosts: &str, port: u16) -> Result<Vec<Node>, UriFault> {
    hosts.split(',').map(|host| Node::parse(host, port)).collect()
}

fn single(hosts: &str, path: &str) -> Result<Topology, UriFault> {
    if hosts.contains(',') {
        return Err(UriFault::new("host", "several; expected one, or redis+cluster:// or redis+sentinel://"));
    }
    Ok(Topology::Single(Node::parse(hosts, PORT)?, database(path)?))
}

fn unix(place: &str) -> Result<Topology, UriFault> {
    let path = decoded("path", place)?;
    match Path::new(&path).is_absolute() && !path.ends_with('/') {
        true => Ok(Topology::Unix(path.into())),
        false => {
            Err(UriFault::new("path", "expected that of a socket, such as redis+unix:///run/redis.sock"))
        }
    }
}

fn sentinel(hosts: &str, path: &str) -> Result<Topology, UriFault> {
    let (service, database_path) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(UriFault::new("path", "no service; expected /SERVICE after the sentinels"));
    }
    Ok(Topology::Sentinel {
        sentinels: nodes(hosts, SENTINEL_PORT)?,
        service: decoded("path", service)?,
        database: database(database_path)?,
    })
}

fn no_path(path: &str) -> Result<(), UriFault> {
    match path.is_empty() {
        true => Ok(()),
        false => Err(UriFault::new("path", "a cluster has database 0 only; expected none")),
    }
}

fn database(path: &str) -> Result<i64, UriFault> {
    if path.is_empty() {
        return Ok(0);
    }
    let number = path.parse::<u16>().map(i64::from);
    number.map_err(|_| UriFault::new("database", "expected a number such as /0"))
}

fn separated(f: &mut fmt::Formatter<'_>, nodes: &[Node], default_port: u16) -> fmt::Result {
    for (at, node) in nodes.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { "," })?;
        node.written(f, default_port)?;
    }
    Ok(())
}
