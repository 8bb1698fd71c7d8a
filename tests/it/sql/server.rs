//! A real PostgreSQL for the tests of one process, and a database of its own for each test.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio_postgres::{Client, NoTls};

use crate::support::gateway::PATIENCE;

/// The password of every role. The server asks for it, so that logging in is tested too.
const PASSWORD: &str = "correct horse";

/// Who runs the server where the tests run as root, which PostgreSQL refuses: `nobody`.
const NOBODY: u32 = 65_534;

/// Ends the server, and removes its files, when the tests' end of the pipe is closed: whatever way they end. The
/// server may not take more memory than a statement needs that is stopped in time.
const KEEPER: &str = r#"
ulimit -v 4000000
"$1/postgres" -D "$2/data" -k "$2" -p "$3" -c listen_addresses=127.0.0.1 -c fsync=off -c jit=off \
    -c max_connections=60 -c shared_buffers=32MB -c max_wal_size=64MB >"$2/log" 2>&1 &
server=$!
echo started
read -r _
kill -QUIT $server
wait $server
rm -rf "$2"
"#;

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static NEXT: AtomicU32 = AtomicU32::new(0);

struct Server {
    port: u16,
    // Its standard input is the pipe.
    _keeper: Child,
}

/// The folder of PostgreSQL's programs.
fn programs() -> PathBuf {
    let named = env::var_os("WAYPOST_TEST_PG_BIN").map(PathBuf::from);
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let mut places = named.into_iter().chain(on_path).chain(debian);
    let found =
        places.find(|place| place.join("initdb").exists() && place.join("postgres").exists());
    found.expect(
        "these tests need PostgreSQL 14 or newer: install it, name the folder of `initdb` and `postgres` in \
         WAYPOST_TEST_PG_BIN, or run tests/run, which fetches it",
    )
}

/// A command as the user who runs the server, with the libraries of a server that is not installed.
fn as_server(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    if let Some(libraries) = env::var_os("WAYPOST_TEST_PG_LIB") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    // Root's working directory may be closed to others.
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Server {
    fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new()
            .prefix("waypost-pg-")
            .tempdir()
            .unwrap()
            .keep();
        let password = folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&password, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = as_server(&programs.join("initdb"))
            .args([
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
                "--username=postgres",
            ])
            .args(["--auth=scram-sha-256", "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(folder.join("data"))
            .output()
            .expect("initdb runs");
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb failed: {told}");
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut keeper = as_server(Path::new("/bin/sh"))
            .args(["-c", KEEPER, "keeper"])
            .arg(&programs)
            .arg(&folder)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut started = String::new();
        let output = keeper.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut started).unwrap();
        let server = Self {
            port,
            _keeper: keeper,
        };
        server.prepare(&folder);
        server
    }

    /// Makes the database the tests' own are copied from, and its roles, as an operator would.
    fn prepare(&self, folder: &Path) {
        let url = |database: &str| self.url("postgres", database);
        let begun = std::time::SystemTime::now();
        while psql(&url("postgres"), "SELECT 1").is_err() {
            let waited = begun.elapsed().unwrap();
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(waited < PATIENCE, "PostgreSQL does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        psql(&url("postgres"), "CREATE DATABASE shop").unwrap();
        psql(&url("shop"), include_str!("shop.sql")).unwrap();
        psql(
            &url("shop"),
            &role_script(&[
                "--table",
                "orders",
                "--table",
                "customers",
                "--table",
                "events",
            ]),
        )
        .unwrap();
        let password = format!("ALTER ROLE waypost_reader PASSWORD '{PASSWORD}'");
        psql(&url("shop"), &password).unwrap();
    }

    fn url(&self, role: &str, database: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!(
            "postgres://{role}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }
}

/// What `waypost postgres-role` prints for the database `shop`.
pub(super) fn role_script(options: &[&str]) -> String {
    let printed = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["postgres-role", "--database", "shop"])
        .args(options)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{told}");
    String::from_utf8(printed.stdout).unwrap()
}

/// Runs a script by a client of its own runtime, because a static is made in whatever runtime comes first.
fn psql(url: &str, script: &str) -> Result<(), String> {
    let (url, script) = (url.to_owned(), script.to_owned());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = connect(&url).await.map_err(|error| error.to_string())?;
            execute(&client, &script)
                .await
                .map_err(|error| format!("{error:?}"))
        })
    };
    std::thread::spawn(run).join().unwrap()
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs a script of the test's own.
#[expect(
    clippy::disallowed_methods,
    reason = "scripts of the tests have many statements"
)]
pub(super) async fn execute(client: &Client, script: &str) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(script).await
}

/// A copy of the shop that no other test uses.
pub(super) struct Shop {
    name: String,
    /// Its superuser.
    pub(super) admin: Client,
}

impl Shop {
    /// Makes a copy.
    pub(super) async fn open() -> Self {
        let server = tokio::task::spawn_blocking(|| &*SERVER).await.unwrap();
        let name = format!("shop_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let root = connect(&server.url("postgres", "postgres")).await.unwrap();
        // One at a time: a database that is being copied has no other users.
        execute(&root, "SELECT pg_advisory_lock(1)").await.unwrap();
        execute(&root, &format!("CREATE DATABASE {name} TEMPLATE shop"))
            .await
            .unwrap();
        let grant = format!("GRANT CONNECT ON DATABASE {name} TO waypost_reader");
        execute(&root, &grant).await.unwrap();
        let admin = connect(&server.url("postgres", &name)).await.unwrap();
        Self { name, admin }
    }

    /// The address of this copy, for a role.
    pub(super) fn url(&self, role: &str) -> String {
        SERVER.url(role, &self.name)
    }

    /// A connection of a role.
    pub(super) async fn client(&self, role: &str) -> Client {
        connect(&self.url(role)).await.unwrap()
    }

    /// One text the superuser asks for.
    pub(super) async fn ask(&self, sql: &str) -> String {
        let row = self.admin.query_one(sql, &[]).await.unwrap();
        row.get(0)
    }

    /// Everything a statement must not change: rows, the catalogue, sequences, roles, locks that outlive statements,
    /// large objects, files in the server's folder.
    pub(super) async fn state(&self) -> String {
        self.ask(include_str!("state.sql")).await
    }
}

/// Lets a test print without hiding that it does.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
