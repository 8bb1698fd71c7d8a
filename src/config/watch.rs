//! Noticing that the configuration file has other content, or that the operator asks for a reload by SIGHUP.
//!
//! The file's directory is watched, since editors rename over the file and Kubernetes swaps a link beside it.
//! Events are only hints: what counts is the digest of the content. A slow poll stands in where a file system
//! tells nothing. Whether the new content is any good is the reader's business.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
};

/// The content must stay the same this long before it is reported: editors and copies write in pieces.
const QUIET: Duration = Duration::from_millis(300);

/// How often the content may change within one wait for quiet.
const MOST_WAITS: usize = 10;

/// How often the file is read when no event comes.
const POLL: Duration = Duration::from_secs(2);

/// Keeps a watch alive; dropping it ends the watch.
#[derive(Debug)]
pub struct Guard {
    task: JoinHandle<()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches the file at `path`, which need not exist yet. The receiver gets one message for each change of the
/// content and each SIGHUP; messages that nobody has taken yet are one. Call it before reading the file, so that
/// no change is lost in between, and within a Tokio runtime. It fails when signals cannot be heard.
pub fn watch(path: &Path) -> io::Result<(Receiver<()>, Guard)> {
    let (hint, hints) = mpsc::channel(1);
    let watcher = match notify_of(path, hint) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(
                path = %path.display(), %error,
                "cannot watch the directory of the config file; reading it every {} s instead", POLL.as_secs()
            );
            None
        }
    };
    start(path, hints, watcher)
}

/// Sends a hint whenever something in the directory of `path` may have changed.
fn notify_of(path: &Path, hint: Sender<()>) -> notify::Result<RecommendedWatcher> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().map(OsStr::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.map_or(true, |event| matters(&event, name.as_deref())) {
            // A full channel holds a hint already.
            let _ = hint.try_send(());
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether an event in the directory may mean another content of the file called `name`. What is written into its
/// neighbours does not, and a log beside it is written with every request; names that come, go or are exchanged do,
/// for a link beside it may be on its way.
fn matters(event: &Event, name: Option<&OsStr>) -> bool {
    let concerned = || {
        let mut paths = event.paths.iter();
        event.paths.is_empty() || paths.any(|path| path.file_name() == name)
    };
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => concerned(),
        // Our own reading is no change.
        EventKind::Access(_) => false,
        _ => true,
    }
}

fn start(
    path: &Path,
    hints: Receiver<()>,
    watcher: Option<RecommendedWatcher>,
) -> io::Result<(Receiver<()>, Guard)> {
    let hangups = signal(SignalKind::hangup())?;
    let content = Content {
        path: path.to_owned(),
        digest: std::fs::read(path).ok().map(|bytes| blake3::hash(&bytes)),
    };
    let (report, reports) = mpsc::channel(1);
    let task = tokio::spawn(async move {
        run(content, hints, hangups, report).await;
        drop(watcher);
    });
    Ok((reports, Guard { task }))
}

async fn run(
    mut content: Content,
    mut hints: Receiver<()>,
    mut hangups: Signal,
    report: Sender<()>,
) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !report.is_closed() {
        let asked = tokio::select! {
            Some(()) = hangups.recv() => true,
            Some(()) = hints.recv() => false,
            _ = ticks.tick() => false,
        };
        if content.settled_anew().await || asked {
            // A full channel means that the reader has not yet taken the last one, and will read this content.
            let _ = report.try_send(());
        }
    }
}

/// The file's content as last seen.
struct Content {
    path: PathBuf,
    digest: Option<blake3::Hash>,
}

impl Content {
    /// Whether there is new content; waits until it stays the same.
    async fn settled_anew(&mut self) -> bool {
        if !self.changed().await {
            return false;
        }
        for _ in 0..MOST_WAITS {
            sleep(QUIET).await;
            if !self.changed().await {
                break;
            }
        }
        true
    }

    /// Whether the content differs from the last seen. A file that is away for a moment has not changed.
    async fn changed(&mut self) -> bool {
        let Ok(bytes) = tokio::fs::read(&self.path).await else {
            return false;
        };
        let digest = Some(blake3::hash(&bytes));
        std::mem::replace(&mut self.digest, digest) != digest
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, process::Command};

    use tokio::{
        sync::{Mutex, MutexGuard},
        time::timeout,
    };

    use super::*;

    #[test]
    fn what_is_written_into_a_neighbour_does_not_matter() {
        use notify::event::{CreateKind, DataChange, RenameMode};
        let name = Some(OsStr::new("waypost.yaml"));
        let written = [
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Modify(ModifyKind::Data(DataChange::Any)),
        ];
        let moved = [
            EventKind::Create(CreateKind::Any),
            EventKind::Modify(ModifyKind::Name(RenameMode::Any)),
        ];
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        for kind in written {
            assert!(matters(&event(kind, "/etc/waypost/waypost.yaml"), name));
            assert!(!matters(&event(kind, "/etc/waypost/access.log"), name));
        }
        for kind in moved {
            assert!(matters(&event(kind, "/etc/waypost/..data"), name));
        }
        let read = EventKind::Access(AccessKind::Open(AccessMode::Read));
        assert!(!matters(&event(read, "/etc/waypost/waypost.yaml"), name));
    }

    /// SIGHUP reaches all watches of the process: one test at a time.
    static ALONE: Mutex<()> = Mutex::const_new(());

    struct Scene {
        folder: tempfile::TempDir,
        reports: Receiver<()>,
        _guard: Guard,
        _alone: MutexGuard<'static, ()>,
    }

    impl Scene {
        async fn new(watched: bool, prepare: impl FnOnce(&Path)) -> Self {
            let alone = ALONE.lock().await;
            let folder = tempfile::tempdir().unwrap();
            prepare(folder.path());
            let file = folder.path().join("waypost.yaml");
            let (reports, guard) = match watched {
                true => watch(&file).unwrap(),
                false => start(&file, mpsc::channel(1).1, None).unwrap(),
            };
            Self {
                folder,
                reports,
                _guard: guard,
                _alone: alone,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        async fn reported(&mut self) {
            let report = timeout(Duration::from_secs(20), self.reports.recv()).await;
            assert_eq!(report.expect("a report in time"), Some(()));
        }
    }

    fn plain(folder: &Path) {
        fs::write(folder.join("waypost.yaml"), "a: 1").unwrap();
    }

    #[tokio::test]
    async fn reports_a_file_renamed_over_it() {
        let mut scene = Scene::new(true, plain).await;
        for content in ["a: 2", "a: 3"] {
            fs::write(scene.path("new"), content).unwrap();
            fs::rename(scene.path("new"), scene.path("waypost.yaml")).unwrap();
            scene.reported().await;
        }
    }

    #[tokio::test]
    async fn reports_a_write_in_place_even_when_half_of_it_is_nonsense() {
        let mut scene = Scene::new(true, plain).await;
        for content in ["a: [", "a: [2]"] {
            fs::write(scene.path("waypost.yaml"), content).unwrap();
            scene.reported().await;
        }
    }

    #[tokio::test]
    async fn reports_a_link_swapped_beside_it() {
        let mut scene = Scene::new(true, |folder| {
            for (name, content) in [("one", "a: 1"), ("two", "a: 2")] {
                fs::create_dir(folder.join(name)).unwrap();
                fs::write(folder.join(name).join("waypost.yaml"), content).unwrap();
            }
            symlink("one", folder.join("..data")).unwrap();
            symlink("..data/waypost.yaml", folder.join("waypost.yaml")).unwrap();
        })
        .await;
        symlink("two", scene.path("..data_tmp")).unwrap();
        fs::rename(scene.path("..data_tmp"), scene.path("..data")).unwrap();
        scene.reported().await;
    }

    #[tokio::test]
    async fn reports_a_file_that_comes_into_being() {
        let mut scene = Scene::new(true, |_| ()).await;
        plain(scene.folder.path());
        scene.reported().await;
    }

    #[tokio::test]
    async fn reports_without_events_by_reading() {
        let mut scene = Scene::new(false, plain).await;
        fs::write(scene.path("waypost.yaml"), "a: 2").unwrap();
        scene.reported().await;
    }

    #[tokio::test]
    async fn reports_a_hangup_without_a_change() {
        let mut scene = Scene::new(true, plain).await;
        let kill = format!("kill -HUP {}", std::process::id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        scene.reported().await;
    }

    #[tokio::test]
    async fn the_same_content_written_again_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waypost.yaml");
        plain(folder.path());
        let mut content = Content {
            path: path.clone(),
            digest: None,
        };
        assert!(content.changed().await);
        plain(folder.path());
        assert!(!content.changed().await);
        fs::remove_file(&path).unwrap();
        assert!(!content.changed().await, "it is only away for a moment");
        plain(folder.path());
        assert!(!content.changed().await);
        fs::write(&path, "a: 2").unwrap();
        assert!(content.changed().await);
    }

    #[tokio::test]
    async fn a_dropped_guard_ends_the_watch() {
        let Scene {
            mut reports,
            _guard: guard,
            ..
        } = Scene::new(true, plain).await;
        drop(guard);
        assert_eq!(reports.recv().await, None);
    }
}
