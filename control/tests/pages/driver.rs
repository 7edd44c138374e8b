//! The driver of a browser: a process of its own for each test, so that nothing is left of it when the test ends, however it ends.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The zone of whoever looks at the pages: another one than those of the sites.
pub(crate) const HERE: &str = "America/New_York";

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Driver {
    process: Child,
    pub(crate) port: u16,
    /// The session to end.
    pub(crate) session: Option<String>,
    /// Kept, for who writes to a pipe that nobody reads is ended.
    _said: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts one on a port that it chooses itself, and says.
    pub(crate) fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TZ", HERE)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be started; ./dev test installs it");
        let mut said = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let port = said.by_ref().lines().map_while(Result::ok).find_map(|line| port(&line));
        let port = port.expect("chromedriver says on which port it listens");
        Self { process, port, session: None, _said: said }
    }
}

/// The port of `ChromeDriver was started successfully on port 40789.`
fn port(line: &str) -> Option<u16> {
    line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
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
