//! Servers whose clock a test moves.
//!
//! A server reads the machine's clock, which no test can move. So a go-between puts another reading into the scripts on
//! their way to it: all else in them is done by the server, as it is where no test watches. What is stored never
//! expires there, since the server's own clock would decide over that.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::{io, thread};

use timebudget::UnixMicros;

/// What a server takes for its clock.
#[derive(Clone)]
pub(crate) struct ServerClock(Arc<AtomicI64>);

impl ServerClock {
    pub(crate) fn at(now: UnixMicros) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    pub(crate) fn set(&self, now: UnixMicros) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    pub(crate) fn read(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::SeqCst))
    }

    /// What stands before a script, so that this is its server's clock.
    fn prelude(&self) -> String {
        let UnixMicros(micros) = self.read();
        let (secs, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        format!(
            "local server = redis \
             local redis = {{ call = function(verb, ...) \
             if verb == 'TIME' then return {{ '{secs}', '{micros}' }} end \
             if verb == 'PEXPIREAT' then return 1 end \
             return server.call(verb, ...) end }} "
        )
    }
}

/// A go-between on a port of its own, to a server that may be named later. It ends with the test.
pub(crate) struct GoBetween {
    pub(crate) port: u16,
    server: Arc<AtomicU16>,
}

impl GoBetween {
    pub(crate) fn new(clock: &ServerClock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Arc::new(AtomicU16::new(0));
        let (clock, to) = (clock.clone(), Arc::clone(&server));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))) {
                    join(client, server, clock.clone());
                }
            }
        });
        Self { port, server }
    }

    pub(crate) fn goes_to(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }
}

/// Passes on what either side says, until one of them has ended.
fn join(client: TcpStream, server: TcpStream, clock: ServerClock) {
    let (mut answers, mut asker) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut asker);
        let _ = asker.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let _ = pass_commands(BufReader::new(client), &server, &clock);
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn pass_commands(mut from: BufReader<TcpStream>, mut to: &TcpStream, clock: &ServerClock) -> io::Result<()> {
    loop {
        let mut words = read_command(&mut from)?;
        if words[0] == b"EVAL" {
            words[1] = [clock.prelude().as_bytes(), &words[1]].concat();
        }
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend(word);
            command.extend(b"\r\n");
        }
        to.write_all(&command)?;
    }
}

/// A command: an array of strings, each with its length before it.
fn read_command(from: &mut BufReader<TcpStream>) -> io::Result<Vec<Vec<u8>>> {
    (0..read_length(from)?)
        .map(|_| {
            let mut word = vec![0; read_length(from)? + 2];
            from.read_exact(&mut word)?;
            word.truncate(word.len() - 2);
            Ok(word)
        })
        .collect()
}

fn read_length(from: &mut BufReader<TcpStream>) -> io::Result<usize> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let number = line.trim_end().get(1..).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
