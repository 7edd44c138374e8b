//! What others take back: nobody stays refused for what nobody has spent.

use std::time::Duration;

use tokio::time::sleep;

use crate::process::{Process, until};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_returned_elsewhere_can_be_made_by_who_knew_the_account_as_spent() {
    let server = Server::start();
    let uri = server.uri("");
    let (one, other) = (Process::new(&uri, "2 per day").asking(), Process::new(&uri, "2 per day").asking());
    let mut waived = one.admit().await.unwrap();
    assert!(one.serve().await);
    assert!(!other.serve().await, "it asks, and knows");
    waived.waive();
    drop(waived);
    until("the other one hears of it", async || other.serve().await).await;
    assert!(!other.serve().await && !one.serve().await, "one was returned, and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_is_returned_elsewhere_can_be_spent_by_who_knew_the_account_as_spent() {
    for mode in ["mode=exact", "mode=batched&sync=100ms"] {
        let server = Server::start();
        let uri = server.uri(mode);
        let (one, other) =
            (Process::new(&uri, "100ms per day").asking(), Process::new(&uri, "100ms per day").asking());
        let mut waived = one.admit().await.unwrap();
        sleep(Duration::from_millis(120)).await;
        one.stored().await;
        until("the other one knows that it is spent", async || !other.serve().await).await;
        waived.waive();
        drop(waived);
        until("the other one hears of it", async || other.serve().await).await;
    }
}

/// What others ran when they were last heard of was taken to have run for three seconds more: the first request after a
/// while was refused for what nobody had spent.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_idle_is_not_refused_for_what_others_did_not_run() {
    let server = Server::start();
    let uri = server.uri("mode=batched&sync=250ms");
    let (one, other) = (Process::new(&uri, "3s per day").asking(), Process::new(&uri, "3s per day").asking());
    let running = [one.admit().await.unwrap(), one.admit().await.unwrap()];
    one.stored().await;
    drop(other.admit().await.unwrap());
    other.stored().await;
    drop(running);
    one.stored().await;
    sleep(Duration::from_millis(1_700)).await;
    assert!(other.serve().await, "by its own reckoning twice 1.7 s would be spent");
}
