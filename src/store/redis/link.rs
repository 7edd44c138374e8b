//! The connection to the servers: one multiplexed connection per node.

use std::sync::Arc;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, Value};

use super::connect::{Connection, connect};
use super::script::{Arguments, beat, exchange, probe, unpack};
use super::settings::Settings;
use super::trouble::Trouble;

/// A connection, with the scripts that are called over it; a clone is the same connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: Connection,
    scripts: Arc<Scripts>,
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
    pub(super) async fn exchange(&mut self, arguments: &Arguments) -> Result<Vec<i64>, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        match self.call(&scripts.exchange, exchange::SCRIPT, arguments).await {
            Ok(Value::BulkString(packed)) => unpack(&packed).ok_or(Trouble::Nonsense),
            Ok(_) => Err(Trouble::Nonsense),
            Err(error) => Err(Trouble::of(&error)),
        }
    }

    /// Calls the beat.
    pub(super) async fn beat(&mut self, arguments: &Arguments) -> Result<beat::Reply, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        read(self.call(&scripts.beat, beat::SCRIPT, arguments).await)
    }

    /// Calls the probe, by its text: the other scripts are only where the server does not know them, and a user who may not
    /// would be found out then.
    pub(super) async fn probe(&mut self, arguments: &Arguments) -> Result<probe::Reply, Trouble> {
        read(self.send(&command("EVAL", probe::SCRIPT, arguments)).await)
    }

    /// Calls a script by its hash, and by its text where the server does not know it.
    async fn call(&mut self, script: &Script, text: &str, arguments: &Arguments) -> RedisResult<Value> {
        let known = self.send(&command("EVALSHA", script.get_hash(), arguments)).await;
        match known {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&command("EVAL", text, arguments)).await
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

/// The command that runs a script.
pub(super) fn command(verb: &str, script: &str, arguments: &Arguments) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(arguments.keys().len());
    for text in arguments.keys().chain(arguments.texts()) {
        command.arg(text);
    }
    if let Some(numbers) = arguments.packed() {
        command.arg(numbers);
    }
    command
}

/// What a script answers, in the types that it answers in.
fn read<T: FromRedisValue>(answer: RedisResult<Value>) -> Result<T, Trouble> {
    let value = answer.map_err(|error| Trouble::of(&error))?;
    redis::from_redis_value(value).map_err(|_| Trouble::Nonsense)
}
