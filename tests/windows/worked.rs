//! Clock times worked by hand, with the built-in tz database, so that the machine's release does not matter.

use jiff::Timestamp;
use timebudget::{Micros, Period, UnixMicros, Window, Zone, tzdata};

fn zone(name: &str) -> Zone {
    tzdata::zone_built_in(name).expect("the built-in database has the zone")
}

fn instant(utc: &str) -> UnixMicros {
    let utc: Timestamp = format!("{utc}Z").parse().expect("an instant such as 2025-03-30T01:00");
    UnixMicros(utc.as_microsecond())
}

/// The windows that follow each other from the one that holds the first instant; all instants are their edges.
#[track_caller]
fn assert_edges(zone_name: &str, period: Period, edges: &[&str]) {
    let zone = zone(zone_name);
    for pair in edges.windows(2) {
        let expected = Window { start: instant(pair[0]), end: instant(pair[1]) };
        for at in [expected.start, expected.end.plus(-1)] {
            assert_eq!(Window::containing(&zone, period, at), expected, "{zone_name}, {pair:?}");
        }
    }
}

fn day_in(zone_name: &str, at: &str) -> Micros {
    Window::containing(&zone(zone_name), Period::DAY, instant(at)).length()
}

fn hours(count: u64) -> Micros {
    Micros::from_secs(count * 3_600)
}

fn periods(count: u32, of: fn(u32) -> Option<Period>) -> Period {
    of(count).expect("a period that is not empty")
}

#[test]
fn an_hour_in_kolkata_starts_at_half_past_in_utc() {
    let edges = ["2025-01-01T09:30", "2025-01-01T10:30", "2025-01-01T11:30"];
    assert_edges("Asia/Kolkata", Period::HOUR, &edges);
}

#[test]
fn an_hour_in_kathmandu_starts_at_a_quarter_past_in_utc() {
    let edges = ["2025-01-01T09:15", "2025-01-01T10:15"];
    assert_edges("Asia/Kathmandu", Period::HOUR, &edges);
}

#[test]
fn the_day_that_loses_an_hour_in_paris_has_23() {
    let edges = ["2025-03-28T23:00", "2025-03-29T23:00", "2025-03-30T22:00", "2025-03-31T22:00"];
    assert_edges("Europe/Paris", Period::DAY, &edges);
    assert_eq!(day_in("Europe/Paris", "2025-03-30T12:00"), hours(23));
}

#[test]
fn the_day_that_gains_an_hour_in_paris_has_25() {
    let edges = ["2025-10-24T22:00", "2025-10-25T22:00", "2025-10-26T23:00", "2025-10-27T23:00"];
    assert_edges("Europe/Paris", Period::DAY, &edges);
    assert_eq!(day_in("Europe/Paris", "2025-10-26T12:00"), hours(25));
}

#[test]
fn two_o_clock_comes_twice_in_paris_and_is_two_windows() {
    let edges = ["2025-10-25T23:00", "2025-10-26T00:00", "2025-10-26T01:00", "2025-10-26T02:00"];
    assert_edges("Europe/Paris", Period::HOUR, &edges);
}

#[test]
fn two_hours_start_again_where_the_clock_of_paris_is_set_back_to_two() {
    let edges = ["2025-10-25T22:00", "2025-10-26T00:00", "2025-10-26T01:00", "2025-10-26T03:00"];
    assert_edges("Europe/Paris", periods(2, Period::hours), &edges);
}

#[test]
fn two_o_clock_is_skipped_in_paris_and_three_follows_one() {
    let edges = ["2025-03-30T00:00", "2025-03-30T01:00", "2025-03-30T02:00"];
    assert_edges("Europe/Paris", Period::HOUR, &edges);
    let edges = ["2025-03-29T23:00", "2025-03-30T01:00", "2025-03-30T02:00", "2025-03-30T04:00"];
    assert_edges("Europe/Paris", periods(2, Period::hours), &edges);
}

#[test]
fn a_day_whose_midnight_is_skipped_starts_at_one() {
    let sao_paulo = ["2018-11-03T03:00", "2018-11-04T03:00", "2018-11-05T02:00"];
    assert_edges("America/Sao_Paulo", Period::DAY, &sao_paulo);
    let beirut = ["2022-03-25T22:00", "2022-03-26T22:00", "2022-03-27T21:00"];
    assert_edges("Asia/Beirut", Period::DAY, &beirut);
}

#[test]
fn an_hour_of_lord_howe_has_90_minutes_where_half_of_it_comes_twice() {
    let edges = ["2025-04-05T13:00", "2025-04-05T14:00", "2025-04-05T15:30", "2025-04-05T16:30"];
    assert_edges("Australia/Lord_Howe", Period::HOUR, &edges);
}

#[test]
fn half_hours_of_lord_howe_start_again_where_the_clock_lands_on_one() {
    let edges = ["2025-04-05T14:00", "2025-04-05T14:30", "2025-04-05T15:00", "2025-04-05T15:30"];
    assert_edges("Australia/Lord_Howe", periods(30, Period::minutes), &edges);
}

#[test]
fn an_hour_of_lord_howe_has_30_minutes_where_half_of_it_is_skipped() {
    let edges = ["2025-10-04T14:30", "2025-10-04T15:30", "2025-10-04T16:00", "2025-10-04T17:00"];
    assert_edges("Australia/Lord_Howe", Period::HOUR, &edges);
}

/// The clocks of St. John's went back at 00:01: the seventh had begun, and then it was the sixth again.
#[test]
fn a_date_that_has_begun_does_not_begin_again_in_st_johns() {
    let edges = ["2010-11-06T02:30", "2010-11-07T02:30", "2010-11-08T03:30"];
    assert_edges("America/St_Johns", Period::DAY, &edges);
    assert_eq!(day_in("America/St_Johns", "2010-11-07T02:31"), hours(25));
}

#[test]
fn hours_of_st_johns_start_again_on_both_sides_of_midnight() {
    let edges = ["2010-11-07T01:30", "2010-11-07T02:30", "2010-11-07T02:31", "2010-11-07T03:30"];
    assert_edges("America/St_Johns", Period::HOUR, &edges);
}

#[test]
fn a_date_that_samoa_skipped_has_no_window() {
    let edges = ["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"];
    assert_edges("Pacific/Apia", Period::DAY, &edges);
}

#[test]
fn a_date_that_kwajalein_skipped_has_no_window() {
    let edges = ["1993-08-20T12:00", "1993-08-21T12:00", "1993-08-22T12:00"];
    assert_edges("Pacific/Kwajalein", Period::DAY, &edges);
}

/// On 1969-09-30 the clocks of Kwajalein went back by 23 hours, at the end of that date.
#[test]
fn a_date_that_kwajalein_had_almost_twice_is_one_window() {
    let edges = ["1969-09-28T13:00", "1969-09-29T13:00", "1969-10-01T12:00", "1969-10-02T12:00"];
    assert_edges("Pacific/Kwajalein", Period::DAY, &edges);
}

#[test]
fn weeks_start_on_monday_by_the_sites_clock() {
    let edges = ["2025-03-03T05:00", "2025-03-10T04:00", "2025-03-17T04:00"];
    assert_edges("America/New_York", Period::WEEK, &edges);
    let edges = ["1969-12-29T00:00", "1970-01-12T00:00", "1970-01-26T00:00"];
    assert_edges("UTC", periods(2, Period::weeks), &edges);
}

#[test]
fn months_and_quarters_follow_the_calendar() {
    let edges = ["2024-01-31T23:00", "2024-02-29T23:00", "2024-03-31T22:00"];
    assert_edges("Europe/Paris", Period::MONTH, &edges);
    let edges = ["2024-12-31T23:00", "2025-03-31T22:00", "2025-06-30T22:00", "2025-09-30T22:00"];
    assert_edges("Europe/Paris", periods(3, Period::months), &edges);
}

#[test]
fn years_count_from_1970() {
    let edges = ["2024-01-01T05:00", "2025-01-01T05:00"];
    assert_edges("America/New_York", Period::YEAR, &edges);
    let edges = ["1960-01-01T00:00", "1970-01-01T00:00", "1980-01-01T00:00"];
    assert_edges("UTC", periods(10, Period::years), &edges);
}

#[test]
fn days_before_1970_follow_the_clock_of_their_time() {
    let edges = ["1945-03-31T23:00", "1945-04-01T23:00", "1945-04-02T22:00", "1945-04-03T22:00"];
    assert_edges("Europe/Paris", Period::DAY, &edges);
}
