//! The driver of a browser: a process of its own for each test, so that nothing is left of it when the test ends, however it ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The zone of whoever looks at the pages: another one than those of the sites.
pub(crate) const HERE: &str = "America/New_York";

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Driver {
    process: Child,
    pub(crate) port: u16,
    /// The session to end.
    pub(crate) session: Option<String>,
}

impl Driver {
    pub(crate) fn start() -> Self {
        // A port may be taken between the moment in which it was free and the driver's start: another one then.
        (0..5)
            .find_map(|_| Self::start_at(free_port()))
            .expect("chromedriver listens; ./dev test installs it")
    }

    fn start_at(port: u16) -> Option<Self> {
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("TZ", HERE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be started; ./dev test installs it");
        let mut driver = Self { process, port, session: None };
        driver.listens().then_some(driver)
    }

    fn listens(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE && matches!(self.process.try_wait(), Ok(None)) {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|taken| taken.local_addr()).expect("a port is free").port()
}

impl Drop for Driver {
    /// The driver ends its browser if it is told to, not if it is killed; and this must also be done where a test has panicked.
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            let _ = end(self.port, session);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn end(port: u16, session: &str) -> std::io::Result<()> {
    let mut driver = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        driver,
        "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    )?;
    // The driver answers when the browser has ended, and keeps the connection.
    driver.set_read_timeout(Some(PATIENCE))?;
    driver.read(&mut [0; 1024]).map(drop)
}
