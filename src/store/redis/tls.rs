//! Certificates and keys in files: whom this process trusts, and who it says it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::store::uri::error::UriFault;

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
