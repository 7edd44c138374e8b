//! A proxy that runs, on a port of its own.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
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
    /// Who finds a free port has to let it go for the proxy to take it, so another may have taken it meanwhile: then it
    /// is tried again.
    pub(super) fn start(
        program: &str,
        package: &str,
        args: &[&str],
        configuration: impl Fn(SocketAddr, &Scratch) -> String,
    ) -> Self {
        for _ in 0..10 {
            let scratch = Scratch::new();
            let address = free_address();
            let file = scratch.write("proxy.conf", &configuration(address, &scratch));
            let log = fs::File::create(scratch.path("log")).unwrap();
            let mut command = Command::new(program);
            command.args(args).arg(file).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            let child = command.spawn().unwrap_or_else(|error| missing(program, package, &error));
            let mut proxy = Self { child, address, scratch };
            if proxy.listens() {
                return proxy;
            }
            assert!(proxy.log().contains("in use"), "{}", proxy.log());
        }
        panic!("no port is free")
    }

    /// Whether it listens at last; it does not if it ends.
    fn listens(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", self.log());
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

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn missing(program: &str, package: &str, error: &std::io::Error) -> ! {
    assert_eq!(error.kind(), ErrorKind::NotFound, "{program}: {error}");
    panic!("{program} is needed; install the package {package}, or let ./dev test do it")
}
