//! A node in a process of its own, which can be killed.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use timebudget_control::thing::Change;
use timebudget_control::{Control, Options};

use crate::world::{change, tier};

/// A process that opens a database and then does what it is told, a line for each thing.
pub(crate) struct Node {
    process: Child,
    orders: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
}

const URI: &str = "TIMEBUDGET_TEST_NODE_URI";
const COPY: &str = "TIMEBUDGET_TEST_NODE_COPY";

impl Node {
    /// Starts it; `before` are words of a command that runs it, if it needs one.
    pub(crate) fn start(before: &[&str], options: &Options) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut words = before.iter().map(std::ffi::OsString::from).chain([program.into_os_string()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--exact", "child::the_node", "--nocapture"]).env(URI, &options.database);
        if let Some(copy) = &options.copy {
            command.env(COPY, copy);
        }
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the node runs");
        let told = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { orders: process.stdin.take().unwrap(), told, process }
    }

    /// Tells it what to do.
    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the node listens");
    }

    /// The next that it tells after a word, whatever else it prints.
    pub(crate) fn told(&mut self, word: &str) -> Option<String> {
        self.told.find_map(|line| Some(line.ok()?.strip_prefix(word)?.trim().to_owned()))
    }

    /// Orders, and waits for the answer.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.told("answer").expect("the node answers")
    }

    pub(crate) fn id(&self) -> String {
        self.process.id().to_string()
    }

    /// Kills it as it stands, and returns what it had told until then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.told.by_ref().map_while(Result::ok).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Not a test, but the process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn the_node() {
    let Ok(uri) = std::env::var(URI) else { return };
    // Behind what the harness prints.
    println!("\nopening");
    let options = Options::new(uri).with_patience(Duration::from_secs(10));
    let options = match std::env::var_os(COPY) {
        Some(copy) => options.with_copy(copy),
        None => options,
    };
    let node = match Control::open(options).await {
        Ok(node) => node,
        Err(error) => return println!("refused {error}"),
    };
    println!("opened {:?}", node.health());
    for line in std::io::stdin().lines().map_while(Result::ok) {
        obey(&node, &line).await;
    }
}

async fn obey(node: &Control, order: &str) {
    match order.split_once(' ').unwrap_or((order, "")) {
        ("put", name) => match change(node, Change::put(tier(name, 2.0))).await {
            Ok(receipt) => println!("answer {}", receipt.revision),
            Err(error) => println!("answer error: {error}"),
        },
        // As fast as it can, until somebody ends it.
        ("write", front) => {
            for number in 0.. {
                let name = format!("{front} {number}");
                let receipt = change(node, Change::put(tier(&name, 2.0))).await.expect("it can be written");
                println!("made {} {name}", receipt.revision);
            }
        }
        ("health", _) => println!("answer {:?}", node.health()),
        ("tiers", _) => println!("answer {}", node.decided().tiers().len()),
        ("whole", _) => println!("answer {:?}", node.verify_audit().await.map(|found| found.is_whole())),
        (other, _) => panic!("{other}: no such order"),
    }
}
