//! Whether a request that came to nothing may be sent once more.

use actix_web::http::Method;

/// What is known of a request that was sent and not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    /// Whether its connection had carried a request before: the upstream may have closed it at the same moment.
    pub(crate) is_reused: bool,
    /// Whether certainly not a byte of it was sent.
    pub(crate) is_unsent: bool,
    pub(crate) method: &'a Method,
    pub(crate) has_body: bool,
    /// Whether it was sent once more already.
    pub(crate) is_second: bool,
}

/// Whether it may be sent once more: only where it is known not to have arrived, or where it does no harm if it has.
///
/// On a new connection the upstream has chosen to close, and would do so again.
pub(crate) fn may_be_sent_again(sent: Sent<'_>) -> bool {
    let is_harmless = sent.method.is_idempotent() && !sent.has_body;
    sent.is_reused && !sent.is_second && (sent.is_unsent || is_harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(method: &Method) -> Sent<'_> {
        Sent { is_reused: true, is_unsent: false, method, has_body: false, is_second: false }
    }

    #[test]
    fn what_may_have_arrived_is_sent_again_only_if_that_does_no_harm() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert!(may_be_sent_again(sent(&method)), "{method}");
            assert!(!may_be_sent_again(Sent { has_body: true, ..sent(&method) }), "{method}");
        }
        assert!(!may_be_sent_again(sent(&Method::POST)) && !may_be_sent_again(sent(&Method::PATCH)));
    }

    #[test]
    fn what_was_never_sent_is_sent_again_whatever_it_is() {
        assert!(may_be_sent_again(Sent { is_unsent: true, has_body: true, ..sent(&Method::POST) }));
    }

    #[test]
    fn nothing_is_sent_a_third_time_or_again_on_a_new_connection() {
        assert!(!may_be_sent_again(Sent { is_second: true, ..sent(&Method::GET) }));
        assert!(!may_be_sent_again(Sent { is_reused: false, is_unsent: true, ..sent(&Method::GET) }));
    }
}
