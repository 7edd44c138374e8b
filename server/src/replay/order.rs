//! Requests in the order in which they began, of lines that are written when they end: in a stream, in bounded memory.

use crate::replay::args::Charged;
use crate::replay::format::time::SECOND;
use crate::replay::request::Request;
use crate::replay::waiting::Waiting;

/// For how long requests are kept until all that began before them must have been written. Whoever runs for longer is put later.
const HORIZON: i64 = 60 * SECOND;

/// The most requests that are kept.
const MOST: usize = 262_144;

/// How far the log's time may move from one line to the next without another that bears it out.
const LEAP: i64 = 3_600 * SECOND;

/// A place of a request.
pub(crate) type Place = u32;

/// Requests, sorted by their start.
pub(crate) struct Order {
    charge: Charged,
    places: Vec<Request>,
    vacant: Vec<Place>,
    /// By start, then in the order of the lines.
    waiting: Waiting,
    lines: u32,
    /// Those of the last second, where lines tell no more of their time.
    second: Vec<Place>,
    /// One whose time is far from all before.
    stray: Option<Place>,
    /// The latest end so far.
    newest: Option<i64>,
    /// The start of the last that was handed out.
    begun: i64,
    /// How many were longer than a minute and begin later than they did; what they ran before is charged all the same.
    pub(crate) late: u64,
    /// How many were left out, since their time is far from that of their neighbours.
    pub(crate) left_out: u64,
}

impl Order {
    pub(crate) fn new(charge: Charged) -> Self {
        Self {
            charge,
            places: Vec::new(),
            vacant: Vec::new(),
            waiting: Waiting::default(),
            lines: 0,
            second: Vec::new(),
            stray: None,
            newest: None,
            begun: i64::MIN,
            late: 0,
            left_out: 0,
        }
    }

    /// A place that is free; what it holds is to be filled in.
    pub(crate) fn vacate(&mut self) -> Place {
        self.vacant.pop().unwrap_or_else(|| {
            self.places.push(Request::default());
            (self.places.len() - 1) as Place
        })
    }

    pub(crate) fn at(&mut self, place: Place) -> &mut Request {
        &mut self.places[place as usize]
    }

    /// Gives a place back.
    pub(crate) fn free(&mut self, place: Place) {
        self.vacant.push(place);
    }

    /// Takes what stands in a place.
    ///
    /// A time that is far ahead of all before is believed once the next line is no earlier: a broken one must not end all windows.
    pub(crate) fn push(&mut self, place: Place) {
        let written = self.at(place).written();
        if self.stray.is_some() {
            self.judge_stray(written);
        }
        match self.newest {
            Some(newest) if written <= newest + LEAP => self.arrange(place, written),
            _ => self.stray = Some(place),
        }
    }

    #[cold]
    fn judge_stray(&mut self, next: i64) {
        let Some(stray) = self.stray.take() else { return };
        let written = self.at(stray).written();
        if next >= written - HORIZON { self.arrange(stray, written) } else { self.leave_out(stray) }
    }

    fn leave_out(&mut self, place: Place) {
        self.left_out += 1;
        self.free(place);
    }

    fn arrange(&mut self, place: Place, written: i64) {
        if self.newest.is_some_and(|newest| written < newest - HORIZON) {
            return self.leave_out(place);
        }
        self.newest = Some(self.newest.map_or(written, |newest| newest.max(written)));
        let request = &mut self.places[place as usize];
        if request.is_coarse && request.is_start {
            request.time += within_second(self.lines);
        }
        let (time, is_known) = (request.time, !request.is_coarse || request.is_start);
        if is_known {
            self.spread();
            return self.insert(place);
        }
        let is_same = self.second.last().is_some_and(|last| self.places[*last as usize].time == time);
        if !is_same || self.second.len() >= MOST {
            self.spread();
        }
        self.second.push(place);
    }

    /// Spreads the requests that ended within a second over it: they did not all end at once, and that would look like a burst.
    fn spread(&mut self) {
        let second = std::mem::take(&mut self.second);
        let count = second.len() as i64;
        for (at, place) in (0..).zip(&second) {
            self.at(*place).time += (2 * at + 1) * SECOND / (2 * count);
            self.insert(*place);
        }
        self.second = second;
        self.second.clear();
    }

    fn insert(&mut self, place: Place) {
        let (charge, begun) = (self.charge, self.begun);
        let request = self.at(place);
        request.settle_times(charge);
        if request.times.start < begun {
            request.times = request.times.beginning_at(begun);
            self.late += 1;
        }
        let start = self.at(place).times.start;
        self.lines = self.lines.wrapping_add(1);
        self.waiting.push(start, self.lines, place);
    }

    /// The next request of which nobody can be earlier any more.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Place> {
        let start = self.waiting.peek()?;
        let is_due = self.newest.is_some_and(|newest| start <= newest - HORIZON);
        if is_due || self.waiting.len() > MOST { self.pop() } else { None }
    }

    fn pop(&mut self) -> Option<Place> {
        let (start, place) = self.waiting.pop()?;
        self.begun = start;
        Some(place)
    }

    /// Says that no line follows. What is left is had by [`rest`](Self::rest).
    pub(crate) fn finish(&mut self) {
        self.judge_stray(i64::MAX);
        self.spread();
    }

    /// The next request where no line follows.
    pub(crate) fn rest(&mut self) -> Option<Place> {
        self.pop()
    }
}

/// Where within its second a request is said to have begun of which no more is known: lines stand in the order in which requests
/// ended, so those of one second are scattered among others. Whichever of the lines they are, these steps, each the golden
/// section of a second on from the one before, spread them over it.
const fn within_second(line: u32) -> i64 {
    const STEP: i64 = 618_034;
    (SECOND / 2 + line as i64 * STEP) % SECOND
}

#[cfg(test)]
mod tests {
    use timebudget_control::replay::Times;

    use super::*;

    const NOON: i64 = 1_764_244_800 * SECOND;

    fn order() -> Order {
        Order::new(Charged::Upstream)
    }

    fn push(order: &mut Order, time: i64, elapsed: i64, is_coarse: bool) {
        let place = order.vacate();
        let request = order.at(place);
        request.clear();
        (request.time, request.elapsed, request.is_coarse) = (time, Some(elapsed as u64), is_coarse);
        order.push(place);
    }

    fn starts(order: &mut Order) -> Vec<i64> {
        order.finish();
        std::iter::from_fn(|| order.rest())
            .collect::<Vec<_>>()
            .into_iter()
            .map(|place| order.at(place).times.start)
            .collect()
    }

    #[test]
    fn whoever_began_first_is_first_whenever_it_was_written() {
        let mut order = order();
        push(&mut order, NOON, 10, false);
        push(&mut order, NOON + 5, 5_000_000, false);
        assert_eq!(order.next(), None, "others may have begun before");
        assert_eq!(starts(&mut order), [NOON + 5 - 5_000_000, NOON - 10]);
    }

    #[test]
    fn those_of_one_second_are_spread_over_it() {
        let mut order = order();
        (0..4).for_each(|_| push(&mut order, NOON, 0, true));
        push(&mut order, NOON + SECOND, 0, true);
        assert_eq!(starts(&mut order), [125, 375, 625, 875, 1_500].map(|milli| NOON + milli * 1_000));
    }

    #[test]
    fn those_that_began_in_one_second_are_spread_over_it_whatever_stands_between() {
        let mut order = order();
        for second in [1, 0, 1, 2, 0, 1, 2, 2] {
            let place = order.vacate();
            let request = order.at(place);
            request.clear();
            (request.time, request.elapsed, request.is_coarse) = (NOON + second * SECOND, Some(10), true);
            request.is_start = true;
            order.push(place);
        }
        let starts = starts(&mut order);
        let second = |at: &i64| (at - NOON) / SECOND;
        assert_eq!(starts.iter().map(second).collect::<Vec<_>>(), [0, 0, 1, 1, 1, 2, 2, 2]);
        let nearest = starts.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(nearest > Some(SECOND / 12), "{starts:?}");
    }

    #[test]
    fn one_line_with_another_time_is_left_out_and_one_that_others_follow_is_believed() {
        let mut order = order();
        push(&mut order, 253_402_300_799 * SECOND, 0, false);
        push(&mut order, NOON, 0, false);
        push(&mut order, NOON + 1, 0, false);
        push(&mut order, 0, 0, false);
        push(&mut order, NOON + 2, 0, false);
        let later = NOON + 30 * LEAP;
        push(&mut order, later, 0, false);
        push(&mut order, later + 1, 0, false);
        push(&mut order, NOON + 3, 0, false);
        assert_eq!(starts(&mut order), [NOON, NOON + 1, NOON + 2, later, later + 1]);
        assert_eq!(order.left_out, 3);
    }

    #[test]
    fn a_log_with_a_line_in_two_days_is_read_whole() {
        let mut order = order();
        let days = [0, 2, 4, 6].map(|day| NOON + day * 86_400 * SECOND);
        days.into_iter().for_each(|day| push(&mut order, day, 0, false));
        assert_eq!((starts(&mut order), order.left_out), (days.to_vec(), 0));
    }

    #[test]
    fn a_single_line_is_believed() {
        let mut order = order();
        push(&mut order, NOON, 7, false);
        assert_eq!(starts(&mut order), [NOON - 7]);
    }

    #[test]
    fn who_ran_for_days_begins_late_and_is_charged_all_of_it() {
        let mut order = order();
        push(&mut order, NOON, 0, false);
        push(&mut order, NOON + 2 * HORIZON, 0, false);
        let first = order.next().unwrap();
        assert_eq!(order.at(first).times.start, NOON);
        let days = 3 * 86_400 * SECOND;
        push(&mut order, NOON + 2 * HORIZON, days, false);
        let late = order.next().unwrap();
        let Times { start, runs, extra, .. } = order.at(late).times;
        assert_eq!((start, order.late), (NOON, 1));
        assert_eq!((runs + extra, runs), (days as u64, 2 * HORIZON as u64));
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let mut order = order();
        for at in 0..MOST as i64 + 10 {
            push(&mut order, NOON + at, 0, false);
            while let Some(place) = order.next() {
                order.free(place);
            }
        }
        assert!(order.places.len() <= MOST + 2, "{}", order.places.len());
    }
}
