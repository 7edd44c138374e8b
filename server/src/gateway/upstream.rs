//! Which of several addresses is asked, pure.

use std::time::Duration;

/// How long an address is left out that could not be reached.
pub(crate) const OUT: Duration = Duration::from_secs(10);

/// How an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many requests it answers now, of this worker's.
    pub(crate) busy: usize,
    /// Whether it could not be reached of late.
    pub(crate) is_out: bool,
    /// Whether it was tried for this request already.
    pub(crate) is_tried: bool,
}

/// The address that is asked next: the least busy that is not left out; if all are, the least busy of those, for one may be back.
/// Of equals the first from `turn` on, which rises with each request.
pub(crate) fn choose(standings: &[Standing], turn: usize) -> Option<usize> {
    let count = standings.len();
    let in_turn = (0..count).map(|step| (turn.wrapping_add(step)) % count);
    in_turn
        .filter(|at| !standings[*at].is_tried)
        .min_by_key(|at| (standings[*at].is_out, standings[*at].busy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Standing = Standing { busy: 0, is_out: false, is_tried: false };

    #[test]
    fn the_least_busy_is_asked_and_equals_take_turns() {
        let busy = Standing { busy: 1, ..IDLE };
        assert_eq!(choose(&[busy, IDLE, busy], 0), Some(1));
        let turns: Vec<_> = (0..4).map(|turn| choose(&[IDLE; 3], turn)).collect();
        assert_eq!(turns, [Some(0), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn one_that_is_out_is_asked_only_if_all_others_are_out_or_tried() {
        let out = Standing { is_out: true, ..IDLE };
        let busy = Standing { busy: 100, ..IDLE };
        assert_eq!(choose(&[out, busy], 0), Some(1));
        assert_eq!(choose(&[out, Standing { is_tried: true, ..busy }], 0), Some(0));
        assert_eq!(choose(&[out, out], 1), Some(1));
    }

    #[test]
    fn none_is_tried_twice() {
        assert_eq!(choose(&[Standing { is_tried: true, ..IDLE }; 2], 0), None);
        assert_eq!(choose(&[], 3), None);
    }
}
