//! The connection to the servers: one multiplexed connection per node.

use std::sync::Arc;

use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, Value};

use super::connect::{Connection, connect};
use super::script::{Account, Arguments, Names, beat, exchange, probe, unpack};
use super::settings::Settings;
use super::trouble::Trouble;

/// Keys that a server looks at in one step of looking through all of them: it does nothing else meanwhile.
const SCANNED_AT_ONCE: usize = 1_000;

/// Such steps at most.
const MOST_SCANS: usize = 1_000;

/// Accounts that are looked at more closely.
const MOST_FOUND: usize = 100_000;

/// A connection, with the scripts that are called over it; a clone is the same connection.
#[derive(Clone)]
pub(crate) struct Link {
    connection: Connection,
    scripts: Arc<Scripts>,
}

struct Scripts {
    exchange: Script,
    beat: Script,
}

impl Link {
    /// Connects; through sentinels, to the server that they call the master now.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Trouble> {
        let connection = connect(settings).await?;
        let scripts = Scripts { exchange: Script::new(exchange::SCRIPT), beat: Script::new(beat::SCRIPT) };
        Ok(Self { connection, scripts: Arc::new(scripts) })
    }

    /// Calls the exchange.
    pub(crate) async fn exchange(&mut self, arguments: &Arguments) -> Result<Vec<i64>, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        match self.call(&scripts.exchange, exchange::SCRIPT, arguments).await {
            Ok(Value::BulkString(packed)) => unpack(&packed).ok_or(Trouble::Nonsense),
            Ok(_) => Err(Trouble::Nonsense),
            Err(error) => Err(Trouble::of(&error)),
        }
    }

    /// Calls the beat.
    pub(crate) async fn beat(&mut self, arguments: &Arguments) -> Result<beat::Reply, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        read(self.call(&scripts.beat, beat::SCRIPT, arguments).await)
    }

    /// The accounts of these names: of a server, or of all masters of a cluster.
    ///
    /// Of a server that has more keys than a million, those that it came to first.
    pub(crate) async fn scan(&mut self, names: &Names) -> Result<Vec<Account>, Trouble> {
        let mut found = Vec::new();
        for node in self.nodes().await? {
            let mut cursor = "0".to_owned();
            for _ in 0..MOST_SCANS {
                let mut scan = redis::cmd("SCAN");
                scan.arg(&cursor).arg("MATCH").arg(names.pattern()).arg("COUNT").arg(SCANNED_AT_ONCE);
                let (next, texts): (String, Vec<Vec<u8>>) = read(self.send_to(node.as_ref(), &scan).await)?;
                found.extend(texts.iter().filter_map(|text| names.read(text)));
                cursor = next;
                if cursor == "0" || found.len() > MOST_FOUND {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Where the keys are: with a cluster's masters, or with the one server.
    async fn nodes(&mut self) -> Result<Vec<Option<SingleNodeRoutingInfo>>, Trouble> {
        if matches!(self.connection, Connection::Single(_)) {
            return Ok(vec![None]);
        }
        let Value::Array(slots) =
            self.send(redis::cmd("CLUSTER").arg("SLOTS")).await.map_err(|e| Trouble::of(&e))?
        else {
            return Err(Trouble::Nonsense);
        };
        let mut masters: Vec<(String, u16)> = Vec::new();
        for slots in slots {
            let Value::Array(slots) = slots else { return Err(Trouble::Nonsense) };
            let Some(Value::Array(master)) = slots.into_iter().nth(2) else { return Err(Trouble::Nonsense) };
            let mut master = master.into_iter();
            let (Some(host), Some(port)) = (master.next(), master.next()) else {
                return Err(Trouble::Nonsense);
            };
            let master = (read(Ok(host))?, read(Ok(port))?);
            if !masters.contains(&master) {
                masters.push(master);
            }
        }
        let by_address = |(host, port)| Some(SingleNodeRoutingInfo::ByAddress { host, port });
        Ok(masters.into_iter().map(by_address).collect())
    }

    async fn send_to(&mut self, node: Option<&SingleNodeRoutingInfo>, command: &Cmd) -> RedisResult<Value> {
        match (&mut self.connection, node) {
            (Connection::Cluster(connection), Some(node)) => {
                connection.route_command(command.clone(), RoutingInfo::SingleNode(node.clone())).await
            }
            _ => self.send(command).await,
        }
    }

    /// Calls the probe, by its text: the other scripts are only where the server does not know them, and a user who may not
    /// would be found out then.
    pub(crate) async fn probe(&mut self, arguments: &Arguments) -> Result<probe::Reply, Trouble> {
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
pub(crate) fn command(verb: &str, script: &str, arguments: &Arguments) -> Cmd {
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
