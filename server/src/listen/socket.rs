//! Opens the sockets.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use crate::listen::address::Address;
use crate::listen::systemd;
use crate::listen::{Bound, ListenArgs};
use crate::output::Failure;
use crate::serve;

/// How many connections wait to be taken; actix has the same.
const BACKLOG: i32 = 1_024;

/// Where to listen if nobody says it.
const USUAL: &str = "127.0.0.1:8080";

/// A socket that is listened on.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// The path of a Unix socket of ours, which is removed with it.
#[derive(Debug)]
pub(crate) struct Guard {
    path: PathBuf,
    /// Which file it is: another process may have put its own socket there since.
    file: Option<(u64, u64)>,
}

impl Guard {
    #[cfg(unix)]
    fn new(path: &std::path::Path) -> Self {
        Self { path: path.to_owned(), file: file_at(path) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        #[cfg(unix)]
        if self.file.is_some() && file_at(&self.path) == self.file {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The device and the number of the file at a path.
#[cfg(unix)]
fn file_at(path: &std::path::Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

impl Socket {
    /// Its address for people. One of ours was bound under another name than it has now.
    fn told(&self, scheme: &str, guard: Option<&Guard>) -> String {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr();
                let address = address.map_or_else(|_| UNKNOWN.to_owned(), |address| address.to_string());
                format!("{scheme}://{address}")
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let address = listener.local_addr().ok();
                let bound = address.as_ref().and_then(|address| address.as_pathname());
                let path = guard.map(|guard| guard.path.as_path()).or(bound);
                format!("unix:{}", path.unwrap_or_else(|| UNKNOWN.as_ref()).display())
            }
        }
    }
}

/// What an address is called that the system does not tell.
const UNKNOWN: &str = "?";

/// All sockets: those that the arguments name, and those that systemd passes; without either the usual one.
///
/// # Errors
///
/// An address that cannot be listened on, or a socket of systemd that is none for connections.
pub(crate) fn open(args: &ListenArgs) -> Result<(Vec<Socket>, Bound), Failure> {
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let passed = systemd::passed()?;
    let is_shared = !passed.is_empty();
    let (sockets, bound) = open_all(args, passed)?
        .into_iter()
        .map(|(socket, guard)| {
            let origin = socket.told(scheme, guard.as_ref());
            (socket, (origin, guard))
        })
        .unzip();
    Ok((sockets, Bound::new(bound, is_shared)))
}

fn open_all(args: &ListenArgs, passed: Vec<Socket>) -> Result<Vec<Opened>, Failure> {
    let mut sockets: Vec<Opened> = passed.into_iter().map(|socket| (socket, None)).collect();
    let usual = (sockets.is_empty() && args.listen.is_empty()).then(|| Address::Tcp(USUAL.to_owned()));
    for address in args.listen.iter().chain(&usual) {
        let opened = match address {
            Address::Tcp(listen) => bind(listen),
            Address::Unix(path) => bind_unix(path, args.listen_mode),
        };
        sockets.push(opened.map_err(|error| serve::cannot_listen(&address.to_string(), &error))?);
    }
    Ok(sockets)
}

/// A socket, and what removes it at the end.
type Opened = (Socket, Option<Guard>);

/// As the standard library does, and with room for more connections that wait.
fn bind(listen: &str) -> io::Result<Opened> {
    let address = serve::resolved(listen)?;
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok((Socket::Tcp(socket.into()), None))
}

/// Takes the place of a socket that a process has left behind, but of none on which somebody listens.
///
/// It gets its permissions under another name: nobody finds it without them.
#[cfg(unix)]
fn bind_unix(path: &std::path::Path, mode: u32) -> io::Result<Opened> {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    use std::os::unix::net::UnixListener;

    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        Ok(_) => must_be_left_behind(path)?,
        Err(_) => {}
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let listener = UnixListener::bind(&beside)?;
    let named = fs::set_permissions(&beside, fs::Permissions::from_mode(mode))
        .and_then(|()| fs::rename(&beside, path));
    if let Err(error) = named {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    Ok((Socket::Unix(listener), Some(Guard::new(path))))
}

/// Asks a socket without waiting. One that a process has left behind refuses; whatever else comes tells of somebody who has it: whoever
/// has no room for more connections, does not let us in, or speaks in datagrams.
///
/// # Errors
///
/// Somebody has it, as far as can be known.
#[cfg(unix)]
fn must_be_left_behind(path: &std::path::Path) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let told = match socket.connect(&socket2::SockAddr::unix(path)?) {
        // Of what is gone there is nothing to take.
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            return Ok(());
        }
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
            format!("another process seems to have it: {error}")
        }
        Ok(()) | Err(_) => "another process listens on it".to_owned(),
    };
    Err(io::Error::new(io::ErrorKind::AddrInUse, told))
}

#[cfg(not(unix))]
fn bind_unix(_: &std::path::Path, _: u32) -> io::Result<Opened> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}
