//! Certificates of the tests' own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// An authority in a directory of its own, that goes with the test.
pub(crate) struct Authority {
    dir: PathBuf,
}

static AUTHORITIES: AtomicU32 = AtomicU32::new(0);

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

impl Authority {
    pub(crate) fn new() -> Self {
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("timebudget-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        openssl(
            &dir,
            &format!("req -x509 {NEW_KEY} -days 2 -subj /CN=authority-{number} -keyout ca.key -out ca.crt"),
        );
        Self { dir }
    }

    /// Issues a certificate for some names, such as `DNS:localhost,IP:127.0.0.1`.
    pub(crate) fn issue(&self, name: &str, names: &str) {
        openssl(&self.dir, &format!("req {NEW_KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        std::fs::write(self.dir.join("names"), format!("subjectAltName={names}\n")).unwrap();
        openssl(
            &self.dir,
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.crt"
            ),
        );
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// What a server is told that shows the certificate `server`; `clients` says whether it wants one of them.
    pub(crate) fn options(&self, port: u16, clients: &str) -> Vec<String> {
        let port = port.to_string();
        let (certificate, key, authority) =
            (self.file("server.crt"), self.file("server.key"), self.file("ca.crt"));
        [
            ["--tls-port", &port],
            ["--tls-auth-clients", clients],
            ["--tls-cert-file", &certificate],
            ["--tls-key-file", &key],
            ["--tls-ca-cert-file", &authority],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }
}

impl Authority {
    /// The same for a sentinel, as lines of its file.
    pub(crate) fn sentinel_lines(&self, port: u16) -> String {
        let options = self.options(port, "yes");
        let lines = options.chunks(2).map(|pair| format!("{} {}\n", &pair[0][2..], pair[1]));
        lines.chain(["tls-replication yes\n".to_owned()]).collect()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let made =
        Command::new("openssl").current_dir(dir).args(arguments.split(' ')).stderr(Stdio::null()).status();
    assert!(made.expect("openssl is needed for this test").success(), "openssl {arguments}");
}
