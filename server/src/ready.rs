//! What is printed when the server is ready.

use std::net::SocketAddr;

use crate::source::Source;

/// How wide the commands are, where the address is a usual one.
const WIDTH: usize = 68;

/// One line with the address, then commands to try.
///
/// What the example refuses and exempts is known, so only with it do the commands say so.
pub(crate) fn announcement(address: SocketAddr, source: &Source) -> String {
    let mut lines = vec![format!("listening on http://{address}"), "try:".to_owned()];
    let mut suggest = |path: &str, why: &str| {
        lines.push(format!("  {:WIDTH$}  # {why}", format!("curl -i 'http://{address}{path}'")));
    };
    suggest("/report?ms=250", "a quarter of a second, and where you stand");
    if *source == Source::Example {
        suggest("/report?ms=5000", "spends the minute's five seconds");
        suggest("/report", "429 until the minute ends");
        suggest("/health", "exempt: always served, without headers");
    }
    suggest("/stream?chunks=5&bytes=80&gap=500", "charged through the last chunk");
    lines.join("\n") + "\n"
}
