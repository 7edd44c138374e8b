//! A redis-server of a test's own, on a port of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::running::eventually;

/// A server that keeps nothing on disk, and ends with the value.
pub(crate) struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { child: spawn(free), port: free }
    }

    pub(crate) fn uri(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, with nothing in it.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.expect("redis-server is needed for these tests");
    // It says who it is, for another test's server may have taken the port since it was found free.
    let own = format!("process_id:{}\r", child.id());
    let answers = || {
        let mut cli = Command::new("redis-cli");
        let said = cli.args(["-p", &port.to_string(), "info", "server"]).output();
        let said = said.expect("redis-cli is needed: install redis-tools (Debian) or redis").stdout;
        String::from_utf8_lossy(&said).contains(&own).then_some(())
    };
    eventually("redis", answers, || format!("port {port} may have been taken by somebody else"));
    child
}
