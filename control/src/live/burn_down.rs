//! The burn-down of a budget: what was spent of a window when, and where that leads. Pure arithmetic.

use timebudget::{UnixMicros, Window};

/// A budget in the window that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) window: Window,
    pub(crate) now: UnixMicros,
    pub(crate) quota: u64,
    /// What is spent now, as the account says it.
    pub(crate) spent: u64,
}

/// How long the pace is looked at: the last quarter of an hour, or as much of it as the window has seen.
const PACE: i64 = 15 * 60 * 1_000_000;

/// The most points of a line.
const POINTS: usize = 240;

impl Budget {
    /// What would be spent now, if it were spent evenly over the window.
    pub(crate) fn even_pace(&self) -> u64 {
        let (passed, length) = (self.passed(), self.length());
        let even = i128::from(self.quota) * i128::from(passed) / i128::from(length);
        u64::try_from(even).unwrap_or(0).min(self.quota)
    }

    /// When it will be spent, at the pace at which it was spent lately; `None` if the window ends before.
    ///
    /// `amounts` are those of the minutes that are known: their beginnings, and what was spent in each. Of what is spent
    /// already it is when the line met the quota, as well as that is known.
    pub(crate) fn spent_at(&self, amounts: &[(UnixMicros, u64)]) -> Option<UnixMicros> {
        let left = self.quota.saturating_sub(self.spent);
        if left == 0 {
            let line = self.points(amounts);
            let met = line.iter().find(|(_, spent)| *spent >= self.quota);
            return Some(met.map_or(self.now, |(at, _)| *at));
        }
        let (amount, span) = self.pace(amounts);
        if amount == 0 || span <= 0 {
            return None;
        }
        let wait = i128::from(left) * i128::from(span) / i128::from(amount);
        let at = i64::try_from(i128::from(self.now.0) + wait).ok()?;
        (at < self.window.end.0).then_some(UnixMicros(at))
    }

    /// What was spent lately, and in how many microseconds.
    fn pace(&self, amounts: &[(UnixMicros, u64)]) -> (u64, i64) {
        let from = (self.now.0 - PACE).max(self.window.start.0);
        let lately: u64 = amounts.iter().filter(|(at, _)| at.0 >= from).map(|(_, amount)| amount).sum();
        let known_since = amounts.first().map_or(self.now.0, |(at, _)| at.0).max(self.window.start.0);
        // A node that has just started knows of a few minutes, in a window that has lasted long.
        if lately == 0 && self.now.0 - known_since < PACE {
            return (self.spent, self.passed());
        }
        (lately, self.now.0 - from)
    }

    /// The line of what was spent: from the window's beginning to now, at most 482 points. It is flat over minutes of which
    /// nothing is known.
    ///
    /// It ends where the account stands, which differs from what was recorded where more was granted, the account was reset,
    /// or nobody recorded.
    pub(crate) fn points(&self, amounts: &[(UnixMicros, u64)]) -> Vec<(UnixMicros, u64)> {
        let step = (self.passed() / POINTS as i64).max(1);
        let mut points = vec![(self.window.start, 0)];
        let mut sum = 0u64;
        for (at, amount) in amounts.iter().filter(|(at, _)| self.window.contains(*at) && *at < self.now) {
            if let Some((before, spent)) = points.last().copied()
                && at.0 - before.0 >= step
            {
                points.push((*at, spent));
            }
            sum = sum.saturating_add(*amount);
            // What was spent in a minute is spent at its end.
            let end = UnixMicros((at.0 + 60_000_000).min(self.now.0));
            match points.last_mut() {
                Some(last)
                    if last.1 > 0
                        && (end.0 - self.window.start.0) / step
                            == (last.0.0 - self.window.start.0) / step =>
                {
                    *last = (end, sum);
                }
                _ => points.push((end, sum)),
            }
        }
        match points.last_mut() {
            Some(last) if last.0 >= self.now => *last = (self.now, self.spent),
            _ => points.push((self.now, self.spent)),
        }
        points
    }

    fn passed(&self) -> i64 {
        (self.now.0 - self.window.start.0).clamp(0, self.length())
    }

    fn length(&self) -> i64 {
        (self.window.end.0 - self.window.start.0).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const MINUTE: i64 = 60 * SECOND;

    /// Ten minutes of time, in an hour that begins at 0.
    fn budget(now_minutes: i64, spent: u64) -> Budget {
        let window = Window { start: UnixMicros(0), end: UnixMicros(60 * MINUTE) };
        Budget { window, now: UnixMicros(now_minutes * MINUTE), quota: 600 * SECOND as u64, spent }
    }

    fn minutes(amounts: &[(i64, u64)]) -> Vec<(UnixMicros, u64)> {
        amounts.iter().map(|(minute, secs)| (UnixMicros(minute * MINUTE), secs * SECOND as u64)).collect()
    }

    #[test]
    fn the_even_pace_is_a_straight_line_over_the_window() {
        let at = |minute| budget(minute, 0).even_pace() / SECOND as u64;
        assert_eq!([0, 6, 30, 60, 90].map(at), [0, 60, 300, 600, 600]);
    }

    #[test]
    fn at_the_pace_of_the_last_quarter_of_an_hour_it_is_said_when_it_is_spent() {
        // A minute's work in each of the last fifteen: the other 300 s last as long again as 75 minutes would take 60 s each.
        let lately: Vec<_> = (15..30).map(|minute| (minute, 20)).collect();
        let budget = budget(30, 300 * SECOND as u64);
        assert_eq!(budget.spent_at(&minutes(&lately)), Some(UnixMicros(45 * MINUTE)));
        // What was spent before does not count, however much it was.
        let calm: Vec<_> = (0..15).map(|minute| (minute, 20)).chain([(29, 5)]).collect();
        assert_eq!(budget.spent_at(&minutes(&calm)), None);
    }

    #[test]
    fn a_window_that_ends_before_says_no_time() {
        let lately: Vec<_> = (15..30).map(|minute| (minute, 10)).collect();
        // 300 s at 10 s a minute: exactly when the window ends.
        assert_eq!(budget(30, 300 * SECOND as u64).spent_at(&minutes(&lately)), None);
        assert_eq!(budget(30, 0).spent_at(&[]), None);
    }

    #[test]
    fn a_node_that_knows_nothing_of_the_window_goes_by_what_the_account_has_spent() {
        assert_eq!(budget(20, 300 * SECOND as u64).spent_at(&[]), Some(UnixMicros(40 * MINUTE)));
    }

    #[test]
    fn of_a_budget_that_is_spent_it_is_said_since_when() {
        let spent = minutes(&[(1, 400), (5, 200), (6, 1)]);
        assert_eq!(budget(30, 601 * SECOND as u64).spent_at(&spent), Some(UnixMicros(6 * MINUTE)));
        assert_eq!(budget(30, 700 * SECOND as u64).spent_at(&[]), Some(UnixMicros(30 * MINUTE)));
    }

    #[test]
    fn the_line_begins_with_the_window_and_ends_where_the_account_stands() {
        let second = SECOND as u64;
        let line = budget(10, 50 * second).points(&minutes(&[(-3, 9), (2, 10), (4, 20), (60, 7)]));
        let at = |minute: i64, spent: u64| (UnixMicros(minute * MINUTE), spent * second);
        assert_eq!(line, [at(0, 0), at(2, 0), at(3, 10), at(4, 10), at(5, 30), at(10, 50)]);
    }

    #[test]
    fn a_minute_that_lasts_yet_ends_now() {
        let mut budget = budget(10, 50);
        budget.now = UnixMicros(10 * MINUTE + 30 * SECOND);
        let line = budget.points(&[(UnixMicros(10 * MINUTE), 49)]);
        assert_eq!(line, [(UnixMicros(0), 0), (UnixMicros(10 * MINUTE), 0), (budget.now, 50)]);
    }

    #[test]
    fn a_month_has_no_more_points_than_a_page_can_draw() {
        let days = 31 * 24 * 60;
        let window = Window { start: UnixMicros(0), end: UnixMicros(days * MINUTE) };
        let budget = Budget { window, now: window.end, quota: 1 << 40, spent: days as u64 * SECOND as u64 };
        let line = budget.points(&minutes(&(0..days).map(|minute| (minute, 1)).collect::<Vec<_>>()));
        assert!((200..=242).contains(&line.len()), "{}", line.len());
        assert!(line.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        assert_eq!(line.last(), Some(&(budget.now, budget.spent)));
    }
}
