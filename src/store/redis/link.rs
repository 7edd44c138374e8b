//! The connection to the servers: one multiplexed connection per node.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, RedisResult, Script, ServerErrorKind, TlsMode, Value,
};

use super::script::{Arguments, beat, exchange, probe};
use super::settings::{Login, Settings, Topology};
use super::trouble::Trouble;

/// How long a connection may take to be made, unless requests wait longer for an answer. Nobody waits for it.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How long an answer may take before the connection counts as broken, unless requests wait longer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// A connection, with the scripts that are called over it; a clone is the same connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: Connection,
    scripts: Arc<Scripts>,
}

#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

struct Scripts {
    exchange: Script,
    beat: Script,
    probe: Script,
}

impl Link {
    /// Connects; through sentinels, to the server that they call the master now.
    pub(super) async fn open(settings: &Settings) -> RedisResult<Self> {
        if settings.tls {
            // Another part of the program may have chosen what to encrypt with; then that is used.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let connection = match &settings.topology {
            Topology::Single => {
                let server = node(settings, &settings.nodes[0], &settings.login, settings.database)?;
                connect(&Client::open(server)?, settings).await?
            }
            Topology::Sentinel(service) => connect(&master(settings, service).await?, settings).await?,
            Topology::Cluster => cluster(settings).await?,
        };
        let scripts = Scripts {
            exchange: Script::new(exchange::SCRIPT),
            beat: Script::new(beat::SCRIPT),
            probe: Script::new(probe::SCRIPT),
        };
        Ok(Self { connection, scripts: Arc::new(scripts) })
    }

    /// Calls the exchange.
    pub(super) async fn exchange(&mut self, arguments: &Arguments) -> Result<Vec<i64>, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        read(self.call(&scripts.exchange, exchange::SCRIPT, arguments).await)
    }

    /// Calls the beat.
    pub(super) async fn beat(&mut self, arguments: &Arguments) -> Result<beat::Reply, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        read(self.call(&scripts.beat, beat::SCRIPT, arguments).await)
    }

    /// Calls the probe.
    pub(super) async fn probe(&mut self, arguments: &Arguments) -> Result<probe::Reply, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        read(self.call(&scripts.probe, probe::SCRIPT, arguments).await)
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
    arguments.keys().chain(arguments.values()).for_each(|argument| {
        command.arg(argument);
    });
    command
}

/// What a script answers, in the types that it answers in.
fn read<T: FromRedisValue>(answer: RedisResult<Value>) -> Result<T, Trouble> {
    let value = answer.map_err(|error| Trouble::of(&error))?;
    redis::from_redis_value(value).map_err(|_| Trouble::Nonsense)
}

async fn connect(client: &Client, settings: &Settings) -> RedisResult<Connection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN.max(settings.deadline)))
        .set_response_timeout(Some(ANSWER_WITHIN.max(settings.deadline)));
    client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
}

async fn master(settings: &Settings, service: &str) -> RedisResult<Client> {
    let sentinels: Vec<_> = settings
        .nodes
        .iter()
        .map(|address| node(settings, address, &settings.sentinel_login, 0))
        .collect::<RedisResult<_>>()?;
    let server = SentinelNodeConnectionInfo::default()
        .set_redis_connection_info(login(&settings.login, settings.database))
        .set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let server = if settings.tls { server.set_tls_mode(TlsMode::Secure) } else { server };
    let mut client = SentinelClient::build(sentinels, service, Some(server), SentinelServerType::Master)?;
    within(CONNECT_WITHIN.max(settings.deadline), client.async_get_client()).await
}

async fn cluster(settings: &Settings) -> RedisResult<Connection> {
    let nodes: Vec<_> = settings
        .nodes
        .iter()
        .map(|address| node(settings, address, &settings.login, 0))
        .collect::<RedisResult<_>>()?;
    let client = ClusterClientBuilder::new(nodes)
        .connection_timeout(CONNECT_WITHIN.max(settings.deadline))
        .response_timeout(ANSWER_WITHIN.max(settings.deadline))
        .tcp_settings(TcpSettings::default().set_nodelay(true))
        .build()?;
    within(2 * CONNECT_WITHIN.max(settings.deadline), client.get_async_connection())
        .await
        .map(Connection::Cluster)
}

fn node(
    settings: &Settings,
    address: &(String, u16),
    with: &Login,
    database: i64,
) -> RedisResult<ConnectionInfo> {
    let (host, port) = address;
    let scheme = if settings.tls { "rediss" } else { "redis" };
    let info = format!("{scheme}://{host}:{port}").into_connection_info()?;
    Ok(info
        .set_redis_settings(login(with, database))
        .set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn login(with: &Login, database: i64) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_db(database).set_skip_set_lib_name();
    if let Some(user) = &with.user {
        info = info.set_username(user);
    }
    if let Some(password) = &with.password {
        info = info.set_password(password);
    }
    info
}

async fn within<T>(span: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let late = |_| RedisError::from((ErrorKind::Io, "no answer in time"));
    tokio::time::timeout(span, work).await.map_err(late)?
}
