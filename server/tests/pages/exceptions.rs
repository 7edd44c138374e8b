//! Commands that are not run as they are typed.

/// A command that is run in another form, and why.
pub(crate) struct Exception {
    /// As it stands on the page.
    pub(crate) command: &'static str,
    /// What is run for it.
    pub(crate) instead: &'static str,
    pub(crate) reason: &'static str,
}

const RELEASE: &str = "a build takes minutes, with optimisations at least; that the command is one is tested";
const MEASURES: &str =
    "measures for minutes; that there is such a target, and that it compiles, is what is tested";
const ENTRANCE: &str =
    "takes from minutes to an hour, or runs these very tests; that there is such a command is tested";
const PEERS: &str = "the peers are a package of their own, which `./dev ci` compiles";

const PINGORA: &str = "a package of its own, whose dependencies take minutes, and cmake, to build";

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception { command: "cargo run --release", instead: "cargo run", reason: RELEASE },
    Exception {
        command: "cargo run --release -- serve --upstream http://127.0.0.1:3000 &",
        instead: "cargo run -- serve --upstream http://127.0.0.1:3000 &",
        reason: RELEASE,
    },
    Exception {
        command: "cargo run --release --example accuracy",
        instead: "cargo check --example accuracy",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --bench decision",
        instead: "cargo check -p timebudget --bench decision",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-server --bench replay",
        instead: "cargo check -p timebudget-server --bench replay",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-server --bench gateway",
        instead: "cargo check -p timebudget-server --bench gateway",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-server --bench gateway -- instructions",
        instead: "cargo check -p timebudget-server --bench gateway",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-server --bench gateway -- charged",
        instead: "cargo check -p timebudget-server --bench gateway",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-server --bench streams",
        instead: "cargo check -p timebudget-server --bench streams",
        reason: MEASURES,
    },
    Exception {
        command: "cargo build --release --manifest-path benches/pingora/Cargo.toml",
        instead: "cargo metadata --no-deps --offline --format-version 1 --manifest-path benches/pingora/Cargo.toml",
        reason: PINGORA,
    },
    Exception {
        command: "cargo bench -p timebudget --bench rules",
        instead: "cargo check -p timebudget --bench rules",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --bench sites",
        instead: "cargo check -p timebudget --bench sites",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --bench snapshot",
        instead: "cargo check -p timebudget --bench snapshot",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --bench hard_budgets",
        instead: "cargo check -p timebudget --bench hard_budgets",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --bench layers",
        instead: "cargo check -p timebudget --bench layers",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-control --bench changes",
        instead: "cargo check -p timebudget-control --bench changes",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget-control --bench request -- instructions timebudget timebudget-control",
        instead: "cargo check -p timebudget-control --bench request",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --features redis --bench redis -- deadline",
        instead: "cargo check -p timebudget --features redis --bench redis",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --features redis --bench redis",
        instead: "cargo check -p timebudget --features redis --bench redis",
        reason: MEASURES,
    },
    Exception {
        command: "cargo bench -p timebudget --bench request -- instructions [SUBJECT…]",
        instead: "cargo check -p timebudget --bench request",
        reason: MEASURES,
    },
    Exception {
        command: "SLICES=15 cargo bench -p timebudget --bench request -- load [SUBJECT…]",
        instead: "cargo check -p timebudget --bench request",
        reason: MEASURES,
    },
    Exception {
        command: "cargo install --locked --path server",
        instead: "cargo metadata --locked --offline --no-deps --format-version 1 --manifest-path server/Cargo.toml",
        reason: RELEASE,
    },
    Exception {
        command: "cargo build --features geo",
        instead: "cargo check --features geo",
        reason: RELEASE,
    },
    Exception {
        command: "cargo bench -p timebudget --features redis --bench redis [calls|latency|throughput|deadline|bytes|caps]",
        instead: "cargo check -p timebudget --features redis --bench redis",
        reason: MEASURES,
    },
    Exception {
        command: "TIMEBUDGET_RUNS=1000 cargo test --release -p timebudget --features redis --lib overshoot -- --nocapture",
        instead: "cargo check -p timebudget --features redis --lib --profile test",
        reason: MEASURES,
    },
    Exception {
        command: "TIMEBUDGET_REDIS_SERVER=/opt/valkey/bin/valkey-server cargo test -p timebudget --features redis --test redis",
        instead: "cargo check -p timebudget --features redis --test redis",
        reason: ENTRANCE,
    },
    Exception {
        command: "cargo run --release --manifest-path benches/peers/Cargo.toml -- accounts",
        instead: "cargo metadata --no-deps --offline --format-version 1 --manifest-path benches/peers/Cargo.toml",
        reason: PEERS,
    },
    Exception { command: "./dev test", instead: "./dev help | grep -q '^./dev test '", reason: ENTRANCE },
    Exception { command: "./dev bench", instead: "./dev help | grep -q '^./dev bench '", reason: ENTRANCE },
    Exception {
        command: "./dev bench peers",
        instead: "./dev help | grep -q '^./dev bench peers '",
        reason: ENTRANCE,
    },
    Exception {
        command: "./dev instructions",
        instead: "./dev help | grep -q '^./dev instructions '",
        reason: ENTRANCE,
    },
    Exception {
        command: "./dev instructions rewrite",
        instead: "./dev help | grep -q 'dev instructions rewrite'",
        reason: ENTRANCE,
    },
    Exception { command: "./dev api", instead: "./dev help | grep -q '^./dev api '", reason: ENTRANCE },
    Exception {
        command: "systemctl kill --signal=HUP timebudget.service",
        instead: "systemctl --help | grep -q 'kill UNIT'",
        reason: "needs a machine that systemd runs; that there is such a command is tested",
    },
    Exception { command: "./dev house", instead: "./dev help | grep -q '^./dev house '", reason: ENTRANCE },
    Exception { command: "./dev chaos", instead: "./dev help | grep -q '^./dev chaos '", reason: ENTRANCE },
    Exception { command: "./dev fuzz", instead: "./dev help | grep -q '^./dev fuzz '", reason: ENTRANCE },
];
