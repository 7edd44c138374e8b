//! The connection to the servers: one multiplexed connection per node.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, Value};

use super::connect::connect;
use super::settings::Settings;
use super::trouble::Trouble;
use super::{beat, exchange};

/// A connection, with the scripts that are called over it; a clone is the same connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: Connection,
    scripts: Arc<Scripts>,
}

#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

struct Scripts {
    exchange: Script,
    beat: Script,
}

impl Link {
    /// Connects; through sentinels, to the server that they call the master now.
    pub(super) async fn open(settings: &Settings) -> Result<Self, Trouble> {
        let connection = connect(settings).await?;
        let scripts = Scripts { exchange: Script::new(exchange::SCRIPT), beat: Script::new(beat::SCRIPT) };
        Ok(Self { connection, scripts: Arc::new(scripts) })
    }

    /// Calls the exchange.
    pub(super) async fn exchange(&mut self, arguments: &Arguments) -> RedisResult<Value> {
        let scripts = Arc::clone(&self.scripts);
        self.call(&scripts.exchange, exchange::SCRIPT, arguments).await
    }

    /// Calls the beat.
    pub(super) async fn beat(&mut self, arguments: &Arguments) -> RedisResult<Value> {
        let scripts = Arc::clone(&self.scripts);
        self.call(&scripts.beat, beat::SCRIPT, arguments).await
    }

    /// Calls a script by its hash, and by its text where the server does not know it.
    async fn call(&mut self, script: &Script, text: &str, arguments: &Arguments) -> RedisResult<Value> {
        let known = self.send(&arguments.to_command("EVALSHA", script.get_hash())).await;
        match known {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&arguments.to_command("EVAL", text)).await
            }
            answered => answered,
        }
    }

    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match &mut self.connection {
            Connection::Single(connection) => command.query_async(connection).await,
            Connection::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

/// The keys and the values that a script is called with.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) keys: Vec<String>,
    values: Vec<u8>,
    ends: Vec<usize>,
}

impl Arguments {
    pub(super) fn push_bytes(&mut self, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len());
    }

    pub(super) fn push(&mut self, number: impl itoa::Integer) {
        self.push_bytes(itoa::Buffer::new().format(number).as_bytes());
    }

    /// The values, as the script would read them.
    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.values[start..end])
    }

    pub(super) fn to_command(&self, verb: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(self.keys.len()).arg(&self.keys);
        let mut start = 0;
        for &end in &self.ends {
            command.arg(&self.values[start..end]);
            start = end;
        }
        command
    }
}
