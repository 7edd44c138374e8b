//! systemd: the sockets that it passes, and what it is told.

use crate::listen::socket::Socket;
use crate::output::Failure;

/// The sockets that systemd, or whoever speaks its protocol, has passed to this process.
///
/// # Errors
///
/// One of them is not for connections.
#[cfg(unix)]
pub(crate) fn passed() -> Result<Vec<Socket>, Failure> {
    let mut passed = listenfd::ListenFd::from_env();
    let count = passed.len();
    let mut take = |at| {
        // One that is not of this kind stays.
        let taken = match passed.take_tcp_listener(at) {
            Ok(Some(listener)) => Some(Socket::Tcp(listener)),
            _ => passed.take_unix_listener(at).ok().flatten().map(Socket::Unix),
        };
        taken.ok_or_else(|| {
            Failure::wrong(format!("LISTEN_FDS: socket {at} is not for connections; expected ListenStream="))
        })
    };
    (0..count).map(&mut take).collect()
}

#[cfg(not(unix))]
pub(crate) fn passed() -> Result<Vec<Socket>, Failure> {
    Ok(Vec::new())
}

/// Tells systemd, if it wants to know, that requests are served.
pub(crate) fn tell_ready() {
    #[cfg(unix)]
    tell(sd_notify::NotifyState::Ready);
}

/// Tells it that the process is about to end.
pub(crate) fn tell_ending() {
    #[cfg(unix)]
    tell(sd_notify::NotifyState::Stopping);
}

#[cfg(unix)]
fn tell(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("systemd cannot be told: {error}");
    }
}
