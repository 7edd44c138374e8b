//! The certificate that is shown to clients, read again when its files change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::listen::ListenArgs;
use crate::output::Failure;
use crate::reload::Watch;

/// How long files must have been left alone before they are read: a certificate and its key are two.
const QUIET: Duration = Duration::from_millis(200);

/// For how many such spans it is waited for that, where something else beside them is written all the time.
const PATIENCE: usize = 10;

/// A certificate and its key, in force for each connection to come.
#[derive(Debug)]
pub(crate) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    in_force: RwLock<Arc<CertifiedKey>>,
    /// What the files said when they were last read, right or wrong.
    read: Mutex<(Vec<u8>, Vec<u8>)>,
}

/// What has the files read again, as long as it is kept.
#[derive(Clone)]
pub(crate) struct Renewal(Sender<()>);

impl Renewal {
    /// Has the files read soon.
    pub(crate) fn look(&self) {
        // Without the thread there is nobody to read them.
        let _ = self.0.send(());
    }
}

impl Certificate {
    /// That of the arguments, if they name one.
    ///
    /// # Errors
    ///
    /// Files that cannot be read, or are no certificate with its key.
    pub(crate) fn open(args: &ListenArgs) -> Result<Option<Arc<Self>>, Failure> {
        let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
        let read = read(cert, key).map_err(Failure::wrong)?;
        let certified = certified(cert, key, &read).map_err(Failure::wrong)?;
        let in_force = RwLock::new(Arc::new(certified));
        Ok(Some(Arc::new(Self { cert: cert.clone(), key: key.clone(), in_force, read: Mutex::new(read) })))
    }

    /// How TLS is spoken: 1.2 and 1.3, with the certificate that is in force when a client comes.
    ///
    /// # Errors
    ///
    /// None that the provider's own versions have.
    pub(crate) fn config(self: &Arc<Self>) -> Result<ServerConfig, Failure> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(Failure::system)?;
        let shown: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        Ok(config.with_no_client_auth().with_cert_resolver(shown))
    }

    /// Reads the files whenever something happens beside them, or somebody asks.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub(crate) fn keep(self: &Arc<Self>) -> io::Result<Renewal> {
        let (asking, asked) = mpsc::channel();
        let told = asking.clone();
        let directory = |file: &Path| match file.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => PathBuf::from("."),
        };
        let directories = [directory(&self.cert), directory(&self.key)].into();
        let certificate = Arc::clone(self);
        thread::Builder::new().name("timebudget-tls".to_owned()).spawn(move || {
            let watch = Watch::new(move || {
                // The thread that hears it lives as long as the process.
                let _ = told.send(());
            });
            match watch {
                Ok(mut watch) => {
                    watch.follow(directories);
                    certificate.renew_whenever(&asked);
                }
                Err(error) => {
                    log::warn!("the certificate cannot be watched; SIGHUP reads it again: {error}");
                    certificate.renew_whenever(&asked);
                }
            }
        })?;
        Ok(Renewal(asking))
    }

    fn renew_whenever(&self, asked: &mpsc::Receiver<()>) {
        while asked.recv().is_ok() {
            for _ in 0..PATIENCE {
                if asked.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            self.renew();
        }
    }

    /// Reads the files if they have changed; a certificate that is wrong leaves the old one in force.
    fn renew(&self) {
        let renewed = read(&self.cert, &self.key).and_then(|files| {
            if std::mem::replace(&mut *self.read.lock(), files.clone()) == files {
                return Ok(None);
            }
            certified(&self.cert, &self.key, &files).map(Some)
        });
        match renewed {
            Ok(Some(certified)) => {
                *self.in_force.write() = Arc::new(certified);
                log::info!("{}: the new certificate is in force", self.cert.display());
            }
            Ok(None) => {}
            Err(error) => log::error!("{error}; the certificate in force stays"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.in_force.read()))
    }
}

fn read(cert: &Path, key: &Path) -> Result<(Vec<u8>, Vec<u8>), String> {
    let read = |file: &Path| fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    Ok((read(cert)?, read(key)?))
}

/// The certificate with its chain and its key, which must belong together.
fn certified(cert: &Path, key: &Path, (chain, secret): &(Vec<u8>, Vec<u8>)) -> Result<CertifiedKey, String> {
    let (cert, key) = (cert.display(), key.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| format!("{cert}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{cert}: no certificate in it; expected PEM"));
    }
    let secret = PrivateKeyDer::from_pem_slice(secret)
        .map_err(|_| format!("{key}: no private key in it; expected PEM without a password"))?;
    CertifiedKey::from_der(chain, secret, &ring::default_provider())
        .map_err(|error| format!("{cert} and {key}: no certificate with its key: {error}"))
}
