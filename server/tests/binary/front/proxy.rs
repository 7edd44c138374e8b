//! A proxy that runs, on a port of its own.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::scratch::Scratch;

/// How long a proxy may take to listen; only a test that fails takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy, killed at the end of the test.
pub(super) struct Proxy {
    child: Child,
    pub(super) address: SocketAddr,
    scratch: Scratch,
}

impl Proxy {
    /// Starts a program of a package by a configuration, which is made for a port and a directory.
    ///
    /// It ends with what the proxy says where that does not listen.
    pub(super) fn start(
        program: &str,
        package: &str,
        args: &[&str],
        configuration: impl Fn(SocketAddr, &Scratch) -> String,
    ) -> Self {
        let (scratch, address) = (Scratch::new(), own_address());
        let file = scratch.write("proxy.conf", &configuration(address, &scratch));
        let log = fs::File::create(scratch.path("log")).unwrap();
        let mut command = Command::new(program);
        command.args(args).arg(file).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| missing(program, package, &error));
        let mut proxy = Self { child, address, scratch };
        proxy.await_listening();
        proxy
    }

    fn await_listening(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.scratch.path("log")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody else takes: all of `127.0.0.0/8` is this machine, a process has one of it to itself, and of that
/// a proxy has a port.
///
/// A port that was found free and let go again may be somebody else's before the proxy has it; HAProxy even shares one with
/// another HAProxy that listens there, by `SO_REUSEPORT`, and each gets some of the other's clients.
fn own_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = process::id().to_be_bytes();
    // Processes have 22 bits: the second number is 64 to 127, and not that of ordinary clients.
    let address = Ipv4Addr::new(127, 64 | high, middle, low);
    SocketAddr::from((address, NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn missing(program: &str, package: &str, error: &std::io::Error) -> ! {
    assert_eq!(error.kind(), ErrorKind::NotFound, "{program}: {error}");
    panic!("{program} is needed; install the package {package}, or let ./dev test do it")
}
