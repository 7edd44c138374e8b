//! The client: connections to the servers, and the scripts that are called over them.
//!
//! This is the only layer that names the redis crate, and a connection of it is multiplexed: many calls are under way over one
//! socket per node at once. It is made to one server, to the master that sentinels name *now*, or to a cluster. Nothing is tried
//! again here: a call that fails is a [`Trouble`], and the desk decides what follows from it.
//!
//! Scripts are called by their hash (`EVALSHA`), and by their text where the server does not know them: after a restart, a
//! `SCRIPT FLUSH`, or on a replica that has become the master. That costs one more round trip, once.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo as _, RedisConnectionInfo, RedisResult, Script, ServerErrorKind, TlsCertificates,
    Value,
};

use crate::store::redis::script::{Account, Arguments, Names, beat, exchange, unpack};
use crate::store::redis::settings::{Login, Settings};
use crate::store::redis::topology::{Node, Topology, choose_provider};
use crate::store::redis::trouble::Trouble;

/// Keys that a server looks at in one step of looking through all of them: it does nothing else meanwhile.
const SCANNED_AT_ONCE: usize = 1_000;

/// Such steps at most.
const MOST_SCANS: usize = 1_000;

/// Accounts that are looked at more closely.
const MOST_FOUND: usize = 100_000;

/// A connection, with the scripts that are called over it; a clone is the same connection.
///
/// It is given up as a whole: whoever finds it broken drops it, and the calls that are under way over it fail.
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
    ///
    /// The answer is one array of integers in MessagePack; what they mean is the script layer's business.
    ///
    /// # Errors
    ///
    /// Anything that keeps an answer from coming, or [`Trouble::Nonsense`] if it is none of the script's.
    pub(crate) async fn exchange(&mut self, arguments: &Arguments) -> Result<Vec<i64>, Trouble> {
        let scripts = Arc::clone(&self.scripts);
        match self.call(&scripts.exchange, exchange::SCRIPT, arguments).await {
            Ok(Value::BulkString(packed)) => unpack(&packed).ok_or(Trouble::Nonsense),
            Ok(_) => Err(Trouble::Nonsense),
            Err(error) => Err(Trouble::from_error(&error)),
        }
    }

    /// Calls the beat.
    ///
    /// # Errors
    ///
    /// As of an exchange.
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
    ///
    /// A replica is never looked through: it may lag, and all its keys are its master's.
    async fn nodes(&mut self) -> Result<Vec<Option<SingleNodeRoutingInfo>>, Trouble> {
        if matches!(self.connection, Connection::Single(_)) {
            return Ok(vec![None]);
        }
        let Value::Array(slots) =
            self.send(redis::cmd("CLUSTER").arg("SLOTS")).await.map_err(|e| Trouble::from_error(&e))?
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
    pub(crate) async fn probe(&mut self, arguments: &Arguments) -> Result<beat::ProbeReply, Trouble> {
        read(self.send(&command("EVAL", beat::PROBE, arguments)).await)
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
    let value = answer.map_err(|error| Trouble::from_error(&error))?;
    redis::from_redis_value(value).map_err(|_| Trouble::Nonsense)
}

/// How long a connection may take to be made, unless requests wait longer for an answer. Nobody waits for it.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How long an answer may take before the connection counts as broken, unless requests wait longer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// A connection; a clone is the same one.
///
/// It has no lock: calls of many requests share it, and answers come in the order of the calls.
#[derive(Clone)]
pub(crate) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Connects; through sentinels, to the server that they call the master now.
pub(crate) async fn connect(settings: &Settings) -> Result<Connection, Trouble> {
    let certificates = match &settings.tls {
        None => None,
        Some(files) => {
            choose_provider();
            files.read().map_err(|fault| Trouble::Certificates(fault.to_string()))?
        }
    };
    let connector = Connector { settings, certificates };
    match &settings.topology {
        Topology::Single(node, database) => connector.single(node, *database).await,
        Topology::Unix(path) => {
            let address = ConnectionAddr::Unix(path.clone());
            connector.server(address, &settings.login, settings.socket_database.unwrap_or(0)).await
        }
        Topology::Sentinel { sentinels, service, database } => {
            connector.master(sentinels, service, *database).await
        }
        Topology::Cluster(nodes) => return connector.cluster(nodes).await.map(Connection::Cluster),
    }
    .map(Connection::Single)
}

/// What all connections of a store have in common.
///
/// It reads files and spends time on handshakes, so nobody who waits for a decision waits for it.
struct Connector<'a> {
    settings: &'a Settings,
    certificates: Option<TlsCertificates>,
}

impl Connector<'_> {
    async fn single(&self, node: &Node, database: i64) -> Result<MultiplexedConnection, Trouble> {
        self.server(self.address(node), &self.settings.login, database).await
    }

    async fn server(
        &self,
        address: ConnectionAddr,
        login: &Login,
        database: i64,
    ) -> Result<MultiplexedConnection, Trouble> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_within()))
            .set_response_timeout(Some(self.answer_within()));
        let client = self.client(address, login, database).map_err(|error| Trouble::from_error(&error))?;
        let connected = client.get_multiplexed_async_connection_with_config(&config).await;
        connected.map_err(|error| Trouble::from_error(&error))
    }

    /// The server that one of the sentinels calls the master.
    ///
    /// Whether it calls itself so too is not asked: what is written to a replica fails, and then the sentinels are
    /// asked again.
    ///
    /// The first that answers is believed; the others are asked only where it cannot be reached, or knows no such service.
    async fn master(
        &self,
        sentinels: &[Node],
        service: &str,
        database: i64,
    ) -> Result<MultiplexedConnection, Trouble> {
        let mut trouble = Trouble::Gone;
        for sentinel in sentinels {
            let named = match self.named_by(sentinel, service).await {
                Ok(node) => self.single(&node, database).await,
                Err(trouble) => Err(trouble),
            };
            match named {
                Ok(connection) => return Ok(connection),
                Err(last) => trouble = last,
            }
        }
        Err(trouble)
    }

    /// The master of a service, by one sentinel.
    async fn named_by(&self, sentinel: &Node, service: &str) -> Result<Node, Trouble> {
        let login = &self.settings.sentinel_login;
        let mut connection = self.server(self.address(sentinel), login, 0).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(service);
        let answer: RedisResult<Option<(String, u16)>> = question.query_async(&mut connection).await;
        let (host, port) = answer.map_err(|error| Trouble::from_error(&error))?.ok_or(Trouble::NoService)?;
        Ok(Node { host, port })
    }

    async fn cluster(&self, nodes: &[Node]) -> Result<ClusterConnection, Trouble> {
        let infos = nodes.iter().map(|node| info(self.address(node), &self.settings.login, 0));
        let infos: Vec<_> = infos.collect::<RedisResult<_>>().map_err(|error| Trouble::from_error(&error))?;
        let mut builder = ClusterClientBuilder::new(infos)
            .connection_timeout(self.connect_within())
            .response_timeout(self.answer_within())
            .tcp_settings(TcpSettings::default().set_nodelay(true));
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        let client = builder.build().map_err(|error| Trouble::from_error(&error))?;
        match tokio::time::timeout(2 * self.connect_within(), client.get_async_connection()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.reason(nodes).await.unwrap_or_else(|| Trouble::from_error(&error))),
            Err(_) => Err(Trouble::Late),
        }
    }

    /// Why none of a cluster's nodes could be spoken to: of that the client of clusters has only a text.
    ///
    /// Each node is spoken to by itself until one says what is wrong: a wrong password, a certificate, or that it is in no cluster.
    async fn reason(&self, nodes: &[Node]) -> Option<Trouble> {
        for node in nodes {
            let mut connection = match self.single(node, 0).await {
                Ok(connection) => connection,
                Err(trouble) => return Some(trouble),
            };
            let slots = redis::cmd("CLUSTER").arg("SLOTS").query_async::<Value>(&mut connection).await;
            if let Err(error) = slots {
                return Some(Trouble::from_error(&error));
            }
        }
        None
    }

    fn client(&self, address: ConnectionAddr, login: &Login, database: i64) -> RedisResult<Client> {
        let info = info(address, login, database)?;
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    fn address(&self, node: &Node) -> ConnectionAddr {
        let Node { host, port } = node.clone();
        match self.settings.tls {
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host, port),
        }
    }

    fn connect_within(&self) -> Duration {
        CONNECT_WITHIN.max(self.settings.deadline)
    }

    fn answer_within(&self) -> Duration {
        ANSWER_WITHIN.max(self.settings.deadline)
    }
}

fn info(address: ConnectionAddr, with: &Login, database: i64) -> RedisResult<ConnectionInfo> {
    let mut login = RedisConnectionInfo::default().set_db(database).set_skip_set_lib_name();
    if let Some(user) = &with.user {
        login = login.set_username(user);
    }
    if let Some(password) = &with.password {
        login = login.set_password(password);
    }
    let info = address.into_connection_info()?;
    Ok(info.set_redis_settings(login).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}
