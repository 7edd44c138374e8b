//! What a URI without parameters does. Nothing is measured here: how many decisions a busy machine makes without a server
//! that is well is a matter of the machine, and `cargo bench --bench redis -- deadline` tells it.

use crate::process::Process;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_budget() {
    let server = Server::start();
    let processes = [0, 1].map(|_| Process::new(&server.uri(""), "100 per day").asking());
    let mut served = 0;
    for n in 0..300 {
        served += u32::from(processes[n % 2].serve().await);
    }
    assert_eq!(served, 100);
}
