//! The acceptance suite: what every store promises, one sentence each.
//!
//! A store runs it with `acceptance!(new_store())`, whose argument makes an empty store.

#[allow(dead_code, reason = "until the Redis store promises it, too")]
#[path = "accounts.rs"]
pub(crate) mod accounts;
#[path = "clocks.rs"]
pub(crate) mod clocks;
#[path = "decisions.rs"]
pub(crate) mod decisions;
#[path = "edges.rs"]
pub(crate) mod edges;
#[path = "holds.rs"]
pub(crate) mod holds;
#[path = "settlements.rs"]
pub(crate) mod settlements;
#[path = "shares.rs"]
pub(crate) mod shares;

/// Makes a test of each promise, run against the store that the expression makes.
#[macro_export]
macro_rules! acceptance {
    ($new_store:expr) => {
        $crate::promises!(
            $new_store,
            decisions {
                all_claims_are_charged_or_none,
                under_contention_too_all_claims_are_charged_or_none,
                a_refusal_leaves_no_trace,
                a_rule_that_counts_all_counts_what_it_would_let_pass,
                a_rule_that_counts_refusals_counts_what_others_refuse,
                a_shadow_rule_counts_and_never_refuses,
                an_exactly_spent_budget_refuses,
                a_quota_of_zero_refuses,
                a_request_that_costs_nothing_is_refused_where_one_would_be,
                a_request_that_costs_two_needs_room_for_two,
                a_forced_request_is_charged_over_its_quota,
                an_account_is_known_by_its_book_and_key_and_not_by_its_quota,
                keys_have_accounts_of_their_own,
                a_cap_admits_as_many_as_run_at_once,
            }
        );
        $crate::promises!(
            $new_store,
            edges {
                a_request_at_the_exact_end_belongs_to_the_next_window,
                a_request_that_spans_windows_pays_each_for_the_time_in_it,
                a_request_that_pauses_over_an_edge_pays_for_what_it_ran,
                a_skipped_window_is_not_paid_in_the_next,
                a_spent_budget_is_whole_again_in_the_next_window,
                requests_are_not_carried_over,
                a_cap_knows_no_edge,
                the_standing_names_the_window_and_what_is_left_of_it,
            }
        );
        $crate::promises!(
            $new_store,
            holds {
                running_requests_count_while_they_run,
                the_hold_keeps_a_burst_from_an_almost_spent_budget,
                a_sequential_client_holds_nothing,
                a_request_that_outlasts_its_expectation_holds_what_it_has_run,
                no_request_holds_more_than_is_left_of_the_window,
                ones_own_hold_is_left_out_of_a_look,
                a_waiting_request_costs_nothing_and_holds_little,
                a_look_says_by_how_much_the_spend_of_others_rises,
                however_many_requests_wait_the_next_is_admitted,
            }
        );
        $crate::promises!(
            $new_store,
            settlements {
                settling_again_does_nothing,
                what_is_on_top_is_charged,
                what_is_returned_was_charged,
                no_more_is_returned_than_the_request_cost_in_this_window,
                each_account_returns_what_it_was_charged_in_its_own_window,
                returned_requests_go_to_their_own_window_only,
                requests_on_top_are_charged_after_the_edge_too,
                the_standing_after_settlement_has_it_in,
                a_place_is_free_once_it_is_settled,
            }
        );
        $crate::promises!(
            $new_store,
            shares {
                parts_add_up_to_the_whole_and_each_client_is_counted_once_under_contention,
                once_four_fifths_are_spent_nobody_spends_more_than_an_equal_share,
                a_client_alone_may_spend_everything,
                a_refused_client_is_not_counted_and_owns_nothing,
                a_client_whose_refused_time_is_not_counted_is_not_counted_either,
            }
        );
        $crate::promises!(
            $new_store,
            clocks {
                a_wall_clock_set_back_refunds_nothing,
                a_wall_clock_set_back_locks_nobody_out,
                a_wall_clock_set_forth_ends_no_window,
                a_start_that_comes_again_is_a_new_window,
                a_request_runs_on_while_the_wall_clock_is_set,
                a_reading_from_before_the_edge_charges_nothing_before_it,
            }
        );
    };
}

/// The promises about accounts one by one, of stores that know them.
#[macro_export]
macro_rules! acceptance_of_accounts {
    ($new_store:expr) => {
        $crate::promises!(
            $new_store,
            accounts {
                a_grant_lets_a_full_account_spend_so_much_more,
                a_grant_ends_with_its_window,
                a_reset_forgets_what_was_spent_and_nothing_else,
                a_reset_takes_no_grant_away,
                what_runs_goes_on_running_over_a_grant_and_a_reset,
                what_is_returned_takes_nothing_of_a_grant,
                those_that_have_spent_most_are_listed_first,
                an_account_is_listed_as_it_is_read_and_can_be_changed_by_what_is_listed,
                a_granted_account_is_listed_too,
                of_a_cap_those_are_listed_by_whom_most_requests_run,
                what_clients_have_of_a_fair_account_is_not_listed_with_it,
                it_is_told_how_a_fair_account_is_shared_out,
            }
        );
    };
}

/// A test for each name.
#[macro_export]
macro_rules! promises {
    ($new_store:expr, $part:ident { $($promise:ident),* $(,)? }) => {
        mod $part {
            #[allow(unused_imports, reason = "what makes the store is named where the suite is run")]
            use super::*;
            $(
                #[test]
                fn $promise() {
                    super::acceptance::$part::$promise(&super::desk::Desk::new($new_store));
                }
            )*
        }
    };
}
