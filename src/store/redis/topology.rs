//! Where the servers are, what they are to each other, and by which certificates both sides are known.
//!
//! There are four topologies: one server behind a port, one behind a socket, the master that sentinels name, and a cluster. Only
//! the last one splits accounts over servers; whoever needs to know asks [`Topology::is_cluster`].
//!
//! Certificates and keys lie in files that the URI names. They are read twice: when the store is opened, so that a wrong one is an
//! error of the configuration and not of the first request, and for each connection, so that a renewed one needs no restart.
//!
//! | URI | topology |
//! |---|---|
//! | `redis://HOST[:PORT][/DB]`, `rediss://…` through TLS | one server |
//! | `redis+unix://PATH` | one server, behind a socket of this machine |
//! | `redis+sentinel://HOST[:PORT],…/SERVICE[/DB]` | the master of a service, as its sentinels say |
//! | `redis+cluster://HOST[:PORT],…` | a cluster, found by some of its nodes |

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::store::uri::parameter::{UriFault, decoded, no_such_scheme};

/// Where the servers are.
///
/// Each displays as it stands in a URI, without ports and databases that are the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One server, behind a host's port.
    ///
    /// The number is the database's.
    Single(Node, i64),
    /// One server, behind a socket of this machine.
    Unix(PathBuf),
    /// The master that sentinels name.
    ///
    /// Which server that is, is asked anew for each connection; so after a failover the next connection reaches the new master.
    Sentinel { sentinels: Vec<Node>, service: String, database: i64 },
    /// Some nodes of a cluster, by which the others are found. It has database 0 only, and accounts lie by their homes.
    Cluster(Vec<Node>),
}

/// A host, an IPv6 address without its brackets, and a port.
///
/// Written as in a URI: without the port where it is the usual one, an IPv6 address in brackets.
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

/// Some servers, separated by commas; each without a port has the usual one.
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

pub(crate) const CA: &str = "ca";
pub(crate) const CERT: &str = "cert";
pub(crate) const KEY: &str = "key";

/// The files of a connection through TLS. They are read whenever one is made, so that a renewed certificate counts from
/// the next connection on.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Certificates of authorities, in the place of those that the system trusts.
    ca: Option<PathBuf>,
    /// This process's certificate, and those between it and the authority.
    cert: Option<PathBuf>,
    /// The private key of the certificate.
    key: Option<PathBuf>,
}

impl TlsFiles {
    /// Takes a file by the name of its parameter.
    ///
    /// Whether it is there and holds what it should is asked later, by [`TlsFiles::check`].
    pub(crate) fn set(&mut self, name: &str, file: String) {
        let place = match name {
            CA => &mut self.ca,
            CERT => &mut self.cert,
            _ => &mut self.key,
        };
        *place = Some(file.into());
    }

    /// # Errors
    ///
    /// A certificate without its key, or a key without its certificate.
    pub(crate) fn check_pair(&self) -> Result<(), UriFault> {
        match (&self.cert, &self.key) {
            (Some(_), None) => {
                Err(UriFault::new(CERT, "a certificate without its key; expected key=FILE too"))
            }
            (None, Some(_)) => {
                Err(UriFault::new(KEY, "a key without its certificate; expected cert=FILE too"))
            }
            _ => Ok(()),
        }
    }

    /// What the files hold; `None` if there are none.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub(crate) fn read(&self) -> Result<Option<TlsCertificates>, UriFault> {
        let root_cert = self.ca.as_deref().map(|file| bytes(CA, file)).transpose()?;
        let client_tls = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                Some(ClientTlsConfig { client_cert: bytes(CERT, cert)?, client_key: bytes(KEY, key)? })
            }
            _ => None,
        };
        let is_empty = root_cert.is_none() && client_tls.is_none();
        Ok((!is_empty).then_some(TlsCertificates { client_tls, root_cert }))
    }

    /// # Errors
    ///
    /// A file that cannot be read or holds something else, or a key that is not the certificate's.
    pub(crate) fn check(&self) -> Result<(), UriFault> {
        let Some(TlsCertificates { client_tls, root_cert }) = self.read()? else { return Ok(()) };
        let mut authorities = RootCertStore::empty();
        for certificate in root_cert.map_or_else(|| Ok(Vec::new()), |pem| certificates(CA, &pem))? {
            let added = authorities.add(certificate);
            added
                .map_err(|_| UriFault::new(CA, "a certificate that cannot be read; expected X.509 in PEM"))?;
        }
        let Some(ClientTlsConfig { client_cert, client_key }) = client_tls else { return Ok(()) };
        let chain = certificates(CERT, &client_cert)?;
        let key = PrivateKeyDer::from_pem_slice(&client_key);
        let key =
            key.map_err(|_| UriFault::new(KEY, "no private key in it; expected one in PEM, not encrypted"))?;
        choose_provider();
        let config = ClientConfig::builder().with_root_certificates(authorities);
        let made = config.with_client_auth_cert(chain, key);
        made.map(drop).map_err(|_| UriFault::new(KEY, "is not the certificate's; expected the key of cert"))
    }
}

/// Chooses what to encrypt with, unless another part of the program has: then that is used.
pub(crate) fn choose_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn certificates(name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, UriFault> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.ok().filter(|certificates| !certificates.is_empty());
    read.ok_or_else(|| UriFault::new(name, "no certificate in it; expected certificates in PEM"))
}

/// A file's bytes. The message does not name the file: where an `&` is missing, its name ends with a secret.
fn bytes(name: &str, file: &Path) -> Result<Vec<u8>, UriFault> {
    let unreadable = |error: io::Error| {
        UriFault::new(name, format!("the file cannot be read: {}; expected one in PEM", error.kind()))
    };
    fs::read(file).map_err(unreadable)
}
