//! One contract, kept by every store: in memory, in SQLite, and in PostgreSQL.
//!
//! PostgreSQL is a real server, started here. Where none is installed the test fails and says so.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

#[path = "store_contract/accounts.rs"]
mod accounts;
#[path = "store_contract/activity.rs"]
mod activity;
#[path = "store_contract/budgets.rs"]
mod budgets;
#[path = "store_contract/contacts.rs"]
mod contacts;
#[path = "store_contract/devices.rs"]
mod devices;
#[path = "store_contract/engines.rs"]
mod engines;
#[path = "store_contract/factors.rs"]
mod factors;
#[path = "store_contract/grace.rs"]
mod grace;
#[path = "store_contract/held.rs"]
mod held;
#[path = "store_contract/invitations.rs"]
mod invitations;
#[path = "store_contract/passkeys.rs"]
mod passkeys;
#[path = "store_contract/passwords.rs"]
mod passwords;
#[path = "store_contract/people.rs"]
mod people;
#[path = "store_contract/postgres.rs"]
mod postgres;
#[path = "store_contract/receipts.rs"]
mod receipts;
#[path = "store_contract/recovery.rs"]
mod recovery;
#[path = "store_contract/sessions.rs"]
mod sessions;
#[path = "store_contract/traces.rs"]
mod traces;

use doorward::{adapters::store, ports::Store};
use futures_util::future::join_all;
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::sync::Barrier;

/// How many callers race for what may happen once.
const RACERS: u8 = 64;

/// What a store does.
type Behaviour = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()>>>;

/// Makes a test of each behaviour for each store. PostgreSQL is one test, for it is one server.
macro_rules! behaviours {
    ($($topic:ident::$behaviour:ident)+) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $behaviour() {
                super::$topic::$behaviour(super::store::open("memory:").await.unwrap()).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $behaviour() {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}/doorward.db", folder.path().display());
                super::$topic::$behaviour(super::store::open(&url).await.unwrap()).await;
            })+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn postgres_keeps_the_contract() {
            let server = postgres::Server::start();
            // A list, and each on the heap: one after another in one test they would be more than its stack holds.
            let all: &[(&str, Behaviour)] =
                &[$((stringify!($behaviour), |store| Box::pin($topic::$behaviour(store)))),+];
            for (name, behaviour) in all {
                println!("{name}");
                let database = server.database(name).await;
                behaviour(store::open(&database).await.unwrap()).await;
            }
            engines::a_newer_postgres_database_is_refused(&server).await;
            engines::an_impossible_postgres_row_is_named(&server).await;
        }
    };
}

behaviours! {
    accounts::an_account_is_found_as_it_was_added
    accounts::the_language_of_an_account_is_kept
    accounts::of_racing_accounts_with_one_login_id_one_is_added
    accounts::an_id_is_taken_once
    accounts::disabling_ends_what_was_begun
    accounts::deleting_takes_all_that_hangs_on_it
    accounts::a_new_password_ends_what_the_old_one_began
    accounts::a_rehash_loses_to_a_new_password
    accounts::enrolment_opens_and_closes
    accounts::a_mailbox_opens_enrolment_to_one_holder_and_overrules_no_operator
    accounts::an_enrolment_is_confirmed_once
    accounts::of_racing_first_enrolments_one_counts_and_only_in_time
    accounts::of_racing_uses_of_one_code_one_counts
    accounts::steps_only_go_up
    accounts::removing_second_factors_ends_what_they_proved
    accounts::a_browser_is_known_to_one_user_for_a_time
    accounts::nodes_that_start_together_agree_on_one_signing_key
    accounts::nothing_hangs_on_nobody
    recovery::a_code_is_found_by_its_first_letters
    recovery::of_racing_uses_of_one_recovery_code_one_counts
    recovery::a_new_set_ends_the_old_one_whole
    recovery::of_racing_sets_one_is_left_whole
    recovery::codes_go_with_the_second_factors_and_with_the_account
    recovery::codes_go_with_the_last_second_factor_of_any_kind
    recovery::an_app_that_replaces_others_stands_alone
    sessions::a_half_session_opens_within_its_time
    sessions::of_racing_promotions_one_makes_a_session
    sessions::a_half_session_becomes_only_its_own_users_session
    sessions::an_identity_is_found_as_it_was_opened
    sessions::of_racing_rotations_one_wins
    sessions::of_racing_sign_outs_one_ends_the_session
    sessions::the_latest_proof_of_a_factor_stays
    sessions::a_note_of_use_never_moves_back
    sessions::the_longest_quiet_is_kept_until_somebody_shows_that_they_are_there
    sessions::what_stays_open_keeps_a_session_and_is_no_use_of_it
    sessions::a_lock_is_noted_and_never_moves_back
    sessions::an_ended_session_takes_its_children_along
    sessions::all_sessions_end_but_the_spared_one
    sessions::sessions_are_listed_last_used_first
    sessions::of_racing_redemptions_one_gets_a_child
    sessions::a_wrong_redemption_spends_the_handoff
    sessions::a_child_belongs_to_one_host_and_follows_the_last_handoff
    sessions::sweeping_forgets_only_what_is_over
    budgets::a_charge_costs_what_the_schedule_says
    budgets::racing_tries_are_counted_or_refused
    budgets::a_forgotten_budget_starts_anew
    budgets::a_lock_is_not_forgotten
    budgets::a_clock_a_moment_behind_is_not_refused
    budgets::a_refund_takes_one_failure_back_and_reopens
    budgets::a_cleared_budget_is_empty
    budgets::unlocking_opens_all_budgets_of_one_account
    passkeys::a_passkey_is_found_as_it_was_added
    passkeys::a_credential_is_one_persons
    passkeys::of_racing_uses_of_one_state_one_counts
    passkeys::a_reset_and_a_deletion_take_passkeys_along
    passkeys::of_racing_answers_one_takes_the_ceremony
    passkeys::sweeping_forgets_old_ceremonies
    held::a_held_request_is_found_once_it_is_whole
    held::of_racing_deliveries_one_takes_the_request
    held::a_request_is_sent_or_thrown_away_never_both
    held::a_request_is_taken_only_as_it_was_bound
    held::of_racing_requests_as_many_are_held_as_fit
    held::of_racing_bodies_as_many_grow_as_fit
    held::a_released_request_is_taken_once_more_and_by_one
    held::held_requests_go_with_their_time_and_with_the_account
    devices::a_device_spares_one_user_a_step_for_a_time
    devices::devices_are_listed_newest_first_and_forgotten_by_their_owner
    devices::a_browser_is_remembered_under_a_new_secret
    devices::nothing_is_remembered_in_a_session_that_has_ended
    devices::a_change_forgets_devices
    devices::of_racing_sign_ins_none_outlives_a_reset
    devices::an_undo_ends_a_sign_in_and_forgets_browsers
    devices::of_racing_undos_one_counts
    devices::sweeping_forgets_old_browsers_devices_and_links
    factors::the_last_second_factor_may_stay
    factors::a_verified_phone_may_be_what_is_left
    factors::of_racing_removals_one_second_factor_stays
    factors::of_racing_first_factors_of_any_kind_one_counts
    factors::a_first_factor_is_added_in_time_and_where_there_is_none
    factors::a_factor_is_renamed_by_its_owner
    factors::one_factor_is_asked_for_first
    grace::grace_begins_once
    grace::of_racing_sign_ins_all_are_told_one_beginning
    grace::a_reset_ends_the_grace_of_who_had_a_second_factor
    activity::events_are_found_as_they_were_written_the_last_first
    activity::events_go_with_their_account_and_their_time
    contacts::an_account_has_one_address_of_each_kind
    contacts::a_user_has_the_e_mail_address_that_is_verified
    contacts::the_last_address_may_have_to_stay
    contacts::of_racing_removals_of_one_address_one_counts
    contacts::a_reset_takes_the_phone_and_leaves_the_mail
    contacts::the_newest_code_of_a_browser_takes_the_place_of_the_last
    contacts::of_racing_uses_of_one_sent_code_one_counts
    contacts::a_sent_code_is_over_after_as_many_guesses_as_it_has
    contacts::of_racing_messages_one_is_paid_for
    contacts::sweeping_forgets_old_codes
    contacts::a_note_of_an_address_used_never_moves_back
    passwords::a_change_keeps_its_session_and_ends_what_it_should
    passwords::a_change_of_what_is_no_more_changes_nothing
    passwords::of_racing_changes_one_counts
    passwords::a_link_is_found_within_its_time_and_never_without_an_owner
    passwords::of_racing_resets_by_one_link_one_counts
    passwords::links_end_with_what_they_were_for
    passwords::a_link_ends_with_the_address_it_went_to
    passwords::sweeping_forgets_old_links
    invitations::an_invitation_is_found_as_it_was_opened_until_it_ends
    invitations::of_racing_followers_of_one_link_one_makes_the_account
    invitations::of_racing_links_for_one_login_id_one_makes_the_account
    invitations::a_link_that_can_not_make_an_account_changes_nothing
    invitations::invitations_end_by_login_id_and_by_time
    invitations::open_invitations_of_operators_are_listed
    receipts::a_receipt_is_found_as_it_was_written
    receipts::of_racing_requests_one_spends_the_receipt
    receipts::of_racing_proofs_one_writes_a_receipt
    receipts::receipts_go_with_their_time_and_with_their_session
    people::the_store_answers
    traces::the_latest_trace_of_each_browser_and_subnet_is_kept
    traces::of_traces_that_are_swept_it_stays_known_when_the_last_was_left
    traces::traces_go_with_their_browser
    traces::traces_go_with_their_time_their_account_and_what_is_undone
}

/// What each of [`RACERS`] callers got who all called at once, when every connection was open.
async fn race<T, F>(store: &Arc<dyn Store>, act: impl Fn(Arc<dyn Store>, u8) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let line = Arc::new(Barrier::new(RACERS.into()));
    let racers: Vec<_> = (0..RACERS)
        .map(|racer| {
            let (store, line) = (Arc::clone(store), Arc::clone(&line));
            let act = act(Arc::clone(&store), racer);
            tokio::spawn(async move {
                store.ping().await.unwrap();
                line.wait().await;
                act.await
            })
        })
        .collect();
    join_all(racers).await.into_iter().map(Result::unwrap).collect()
}
