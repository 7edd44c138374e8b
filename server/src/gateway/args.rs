//! What the command line says of the gateway.

use std::time::Duration;

use timebudget::Upstream;

use crate::gateway::timeouts::Timeouts;

/// Where requests are answered, and how long that may take.
#[derive(Debug, clap::Args)]
pub(crate) struct GatewayArgs {
    /// Where requests are answered: http://HOST:PORT or unix:/PATH; several times for several, of which the least busy is asked. A
    /// site's rate_limit_upstream goes before it [default: the demonstration app answers]
    #[arg(long, value_name = "URI")]
    pub(crate) upstream: Vec<Upstream>,
    /// How long an upstream may take to the head of its answer, from the last byte of the request on: 504 after that
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) upstream_timeout: Duration,
    /// How long an upstream may take to accept a connection: 504 after that
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time)]
    pub(crate) connect_timeout: Duration,
    /// How long a body may pause between two bytes, and an upgraded connection may be silent
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) idle_timeout: Duration,
    /// How long an idle connection to an upstream is kept; less than the upstream itself keeps it
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = time)]
    pub(crate) keep_idle: Duration,
    /// The largest body of a request, in bytes or with k, m or g: 413 beyond it [default: any]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_body: Option<u64>,
    /// The Host that upstreams are told: the client's, or that of their own address
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = HostPolicy::Keep)]
    pub(crate) host: HostPolicy,
}

/// Which Host upstreams are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HostPolicy {
    /// The one that the client asked for, with its port.
    Keep,
    /// The one of the upstream's own address.
    Rewrite,
}

impl GatewayArgs {
    /// How long each step may take.
    pub(crate) const fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: self.connect_timeout,
            head: self.upstream_timeout,
            idle: self.idle_timeout,
            kept: self.keep_idle,
        }
    }
}

/// The longest time that may be waited for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time >= Duration::from_millis(1) && time <= LONGEST => Ok(time),
        Ok(_) => Err("expected from 1ms to 24h".to_owned()),
        Err(_) => Err("expected a time such as 500ms, 60s or 2m".to_owned()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let size = digits.parse::<u64>().ok().filter(|_| is_number).and_then(|size| size.checked_mul(factor));
    size.ok_or_else(|| "expected a size such as 1048576, 512k, 10m or 1g".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        assert_eq!(
            (size("0"), size("512k"), size("10M"), size("1g")),
            (Ok(0), Ok(524_288), Ok(10_485_760), Ok(1 << 30))
        );
        for text in ["", "k", "-1", "+1", "1.5m", "1 m", "1kb", "99999999999g", "é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit_and_are_some_time() {
        assert_eq!(
            (time("500ms"), time("2m")),
            (Ok(Duration::from_millis(500)), Ok(Duration::from_secs(120)))
        );
        for text in ["", "60", "0s", "25h", "-1s", "soon"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
