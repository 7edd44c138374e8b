//! Connecting: to one server, to the master that sentinels name, or to a cluster.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisResult, TlsCertificates, Value,
};

use super::settings::{Login, Settings};
use super::tls::choose_provider;
use super::topology::{Node, Topology};
use super::trouble::Trouble;

/// How long a connection may take to be made, unless requests wait longer for an answer. Nobody waits for it.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How long an answer may take before the connection counts as broken, unless requests wait longer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// A connection; a clone is the same one.
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
        let client = self.client(address, login, database).map_err(|error| Trouble::of(&error))?;
        let connected = client.get_multiplexed_async_connection_with_config(&config).await;
        connected.map_err(|error| Trouble::of(&error))
    }

    /// The server that one of the sentinels calls the master.
    ///
    /// Whether it calls itself so too is not asked: what is written to a replica fails, and then the sentinels are
    /// asked again.
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
        let (host, port) = answer.map_err(|error| Trouble::of(&error))?.ok_or(Trouble::NoService)?;
        Ok(Node { host, port })
    }

    async fn cluster(&self, nodes: &[Node]) -> Result<ClusterConnection, Trouble> {
        let infos = nodes.iter().map(|node| info(self.address(node), &self.settings.login, 0));
        let infos: Vec<_> = infos.collect::<RedisResult<_>>().map_err(|error| Trouble::of(&error))?;
        let mut builder = ClusterClientBuilder::new(infos)
            .connection_timeout(self.connect_within())
            .response_timeout(self.answer_within())
            .tcp_settings(TcpSettings::default().set_nodelay(true));
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        let client = builder.build().map_err(|error| Trouble::of(&error))?;
        match tokio::time::timeout(2 * self.connect_within(), client.get_async_connection()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.reason(nodes).await.unwrap_or_else(|| Trouble::of(&error))),
            Err(_) => Err(Trouble::Late),
        }
    }

    /// Why none of a cluster's nodes could be spoken to: of that the client of clusters has only a text.
    async fn reason(&self, nodes: &[Node]) -> Option<Trouble> {
        for node in nodes {
            let mut connection = match self.single(node, 0).await {
                Ok(connection) => connection,
                Err(trouble) => return Some(trouble),
            };
            let slots = redis::cmd("CLUSTER").arg("SLOTS").query_async::<Value>(&mut connection).await;
            if let Err(error) = slots {
                return Some(Trouble::of(&error));
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
