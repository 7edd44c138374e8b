//! What the command line says of where to listen.

use std::path::PathBuf;

use crate::listen::address::Address;

/// Where to listen, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenArgs {
    /// Where to listen: HOST:PORT, where port 0 takes a free one, or unix:/PATH; several times for several [default:
    /// the sockets that systemd passes, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = Address::parse)]
    pub(crate) listen: Vec<Address>,
    /// Who may connect to Unix sockets, as chmod has it
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = mode)]
    pub(crate) listen_mode: u32,
    /// A certificate with its chain, as PEM: HTTPS, with HTTP/2, on all addresses but Unix sockets; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Not supported: let the proxy in front tell the client's address in a header
    #[arg(long, hide = true, value_parser = no_proxy_protocol, num_args = 0..=1, default_missing_value = "")]
    pub(crate) proxy_protocol: Option<String>,
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected permissions in octal, such as 660".to_owned())
}

/// Refused by name, so that nobody takes the proxy's address for the clients'.
fn no_proxy_protocol(_: &str) -> Result<String, String> {
    Err("the PROXY protocol is not spoken; have the proxy send X-Forwarded-For, and name it in \
         rate_limit_trusted_proxies"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal() {
        assert_eq!((mode("660"), mode("0777")), (Ok(0o660), Ok(0o777)));
        for wrong in ["", "rw", "1000", "-1", "888"] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
    }
}
