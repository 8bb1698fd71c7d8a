//! Where the database is, and the way there.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use hyper_rustls::ConfigBuilderExt;
use tokio::{
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{
    CancelToken, Client, Config, NoTls,
    config::{Host, SslMode},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::{
    meter::{Meter, MeteredTls, Overflow},
    settings::Tls,
};
use crate::secret::Secret;

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// How long a request to cancel may take: it is sent when nobody waits for an answer any more.
const CANCELLING: Duration = Duration::from_secs(2);

/// Messages that are no rows, and the frame of those that are, in bytes beside the values.
const FRAME: usize = 64 * 1024;

/// Where a database is, and who we are to it.
pub(super) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    most: usize,
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address(…)")
    }
}

type Wire = Either<TcpStream, UnixStream>;

/// An open connection, and the task that drives it.
pub(super) struct Opened {
    pub(super) client: Client,
    pub(super) driver: Driver,
    pub(super) overflow: Overflow,
}

/// The task that drives a connection. Dropped, it ends the connection.
pub(super) struct Driver(JoinHandle<()>);

impl Driver {
    fn of(
        connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    ) -> Self {
        Self(tokio::spawn(drive(connection)))
    }

    /// Whether the connection ends by itself within this time.
    pub(super) async fn ends_within(mut self, patience: Duration) -> bool {
        timeout(patience, &mut self.0).await.is_ok()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Address {
    /// Reads an address. The error says what is wrong with it, and nothing of what it is.
    pub(super) fn new(url: &Secret, tls: Option<Tls>, max_bytes: usize) -> Result<Self, String> {
        let expected = "expected `postgres://user:password@host/database`";
        let mut config: Config = url
            .reveal()
            .trim()
            .parse()
            .map_err(|_| format!("it is no address of a PostgreSQL database; {expected}"))?;
        if config.get_hosts().is_empty() || config.get_user().is_none() {
            return Err(format!("the address names no host or no user; {expected}"));
        }
        if !config.get_hostaddrs().is_empty() {
            return Err("`hostaddr` is not used; name the address as the host".to_owned());
        }
        let tls = tls.unwrap_or_else(|| {
            let near = config.get_hosts().iter().all(is_here);
            if near && config.get_ssl_mode() != SslMode::Require {
                Tls::Disable
            } else {
                Tls::Verify
            }
        });
        let tls = match tls {
            Tls::Verify => Some(MakeRustlsConnect::new(client_tls()?)),
            Tls::Disable => None,
        };
        config.ssl_mode(if tls.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        config.application_name("waypost");
        Ok(Self {
            config,
            tls,
            most: max_bytes.saturating_add(FRAME),
        })
    }

    /// Opens a connection.
    pub(super) async fn open(&self) -> Result<Opened, String> {
        let overflow = Overflow::default();
        let meter = Meter::new(self.most, overflow.clone());
        let (host, wire) = self.dial().await.map_err(|error| error.to_string())?;
        let told = |error: tokio_postgres::Error| super::fault::whole(&error);
        let (client, driver) = match &self.tls {
            None => {
                let opened = self.config.connect_raw(meter.on(wire), NoTls).await;
                let (client, connection) = opened.map_err(told)?;
                (client, Driver::of(connection))
            }
            Some(_) => {
                let tls = MeteredTls {
                    tls: self.tls_to(&host)?,
                    meter,
                };
                let opened = self.config.connect_raw(wire, tls).await;
                let (client, connection) = opened.map_err(told)?;
                (client, Driver::of(connection))
            }
        };
        Ok(Opened {
            client,
            driver,
            overflow,
        })
    }

    /// Asks the server to end what a connection runs. Tried once; the server's own limits hold where it fails.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let asked = async {
            let (host, wire) = self.dial().await.map_err(|error| error.to_string())?;
            let cancelled = match &self.tls {
                None => token.cancel_query_raw(wire, NoTls).await,
                Some(_) => token.cancel_query_raw(wire, self.tls_to(&host)?).await,
            };
            cancelled.map_err(|error| error.to_string())
        };
        match timeout(CANCELLING, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(error, "a statement could not be cancelled"),
            Err(_) => tracing::debug!("a statement was not cancelled in time"),
        }
    }

    fn tls_to(
        &self,
        host: &str,
    ) -> Result<<MakeRustlsConnect as MakeTlsConnect<Wire>>::TlsConnect, String> {
        let tls = self.tls.clone().ok_or("there is no TLS")?;
        let mut tls = tls;
        MakeTlsConnect::<Wire>::make_tls_connect(&mut tls, host).map_err(|error| error.to_string())
    }

    /// Connects to the first host that answers.
    async fn dial(&self) -> io::Result<(String, Wire)> {
        let ports = self.config.get_ports();
        let mut failed = io::Error::other("there is no host");
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(PORT);
            let dialled = match host {
                Host::Tcp(name) => dial_tcp(name.clone(), port).await,
                Host::Unix(folder) => dial_unix(folder.join(format!(".s.PGSQL.{port}"))).await,
            };
            match dialled {
                Ok(dialled) => return Ok(dialled),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

async fn dial_tcp(name: String, port: u16) -> io::Result<(String, Wire)> {
    let stream = TcpStream::connect((name.clone(), port)).await?;
    stream.set_nodelay(true)?;
    Ok((name, Either::Left(stream)))
}

async fn dial_unix(socket: PathBuf) -> io::Result<(String, Wire)> {
    let stream = UnixStream::connect(socket).await?;
    Ok((String::new(), Either::Right(stream)))
}

/// Moves the bytes of a connection until it ends. Why it ends is told to whoever waits for an answer.
async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        let error = super::fault::whole(&error);
        tracing::debug!(error, "a connection to a database ended");
    }
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let ip = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            ip.map_or(name == "localhost", |ip| ip.to_canonical().is_loopback())
        }
    }
}

/// TLS that trusts what the system trusts: a certificate of one's own is added there, or named by `SSL_CERT_FILE`.
fn client_tls() -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = builder.try_with_platform_verifier();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.with_no_client_auth())
}
