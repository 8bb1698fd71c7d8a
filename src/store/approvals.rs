//! What was approved of other servers' tools, in a file that people read, compare and keep under version control.
//!
//! The file is read whenever it is asked, so that a change by hand, by another process or by a checkout counts from
//! then on. No file means that nothing was approved. One that cannot be read is never written: whoever may have
//! approved what stands in it must look first.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The shape of the file. One of a later shape is not read.
const VERSION: u64 = 1;

/// How often, and how many times, it is looked whether another process has finished writing: two seconds in all, for
/// what takes milliseconds.
const LOOK: (Duration, u32) = (Duration::from_millis(20), 100);

/// The largest file that is read, in bytes: thousands of tools with all they say.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What was approved, by server and by the server's name for the tool. A server without tools is one that was seen.
pub type Approved = BTreeMap<String, BTreeMap<String, Approval>>;

/// One tool as it was approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The digest of what was approved.
    pub digest: String,
    /// When.
    pub at: Timestamp,
    /// By which way.
    pub by: By,
    /// What was approved, in full.
    pub tool: Value,
}

/// Which way an approval came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// `waypost servers approve`.
    Cli,
    /// The admin listener.
    #[default]
    Admin,
    /// The first sight of a server that is approved so.
    FirstUse,
}

/// Why approvals cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The file cannot be read.
    #[error("the approvals in {0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    /// It is not what was written.
    #[error("the approvals in {0} are damaged: {1}; mend the file, or restore it from a copy")]
    Damaged(PathBuf, serde_json::Error),
    /// A later version wrote it.
    #[error(
        "the approvals in {0} were written by a later version of waypost (shape {1}, this one knows {VERSION})"
    )]
    Newer(PathBuf, u64),
    /// Another process is at it.
    #[error("the approvals in {0} are being changed by another process; try again")]
    Busy(PathBuf),
    /// The file cannot be written.
    #[error("the approvals cannot be written to {0}: {1}")]
    Unwritable(PathBuf, io::Error),
}

/// The file, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paper {
    version: u64,
    servers: Approved,
}

/// Of a file of any version.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// A file's device, number, length in bytes and time of change, to the nanosecond; nothing where there is none.
pub type Stamp = Option<(u64, u64, u64, (i64, i64))>;

/// The approvals there are.
#[derive(Debug)]
pub struct Approvals {
    /// Where they are kept; in memory alone where there is no file.
    path: Option<PathBuf>,
    /// Those in memory. Held while the file is changed, so that threads of this process wait in line.
    kept: Mutex<Approved>,
}

impl Approvals {
    /// The approvals in this file, which need not exist yet; without one they last as long as the process.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            kept: Mutex::default(),
        }
    }

    /// All of them, as they are now.
    pub fn read(&self) -> Result<Approved, NotKept> {
        match &self.path {
            Some(path) => read(path),
            None => {
                let kept = self.kept.lock();
                Ok(kept.unwrap_or_else(PoisonError::into_inner).clone())
            }
        }
    }

    /// What is another whenever the file is: who changes approvals in other processes, or by hand, tells nobody.
    pub async fn stamp(&self) -> Stamp {
        let path = self.path.as_ref()?;
        let about = tokio::fs::metadata(path).await.ok()?;
        let changed = (about.ctime(), about.ctime_nsec());
        Some((about.dev(), about.ino(), about.len(), changed))
    }

    /// Changes them as they are now. What `change` gives is given once it is safe; if it fails, nothing has changed.
    /// Waits for the disk, and up to two seconds for other processes.
    pub fn change<T, E: From<NotKept>>(
        &self,
        change: impl FnOnce(&mut Approved) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else {
            let mut approved = kept.clone();
            let given = change(&mut approved)?;
            *kept = approved;
            return Ok(given);
        };
        let _lock = lock(path)?;
        let before = read(path)?;
        let mut approved = before.clone();
        let given = change(&mut approved)?;
        if approved != before {
            write(path, approved).map_err(|error| NotKept::Unwritable(path.clone(), error))?;
        }
        Ok(given)
    }
}

fn read(path: &Path) -> Result<Approved, NotKept> {
    let text = match contents(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Approved::new()),
        Err(error) => return Err(NotKept::Unreadable(path.to_owned(), error)),
    };
    let damaged = |error| NotKept::Damaged(path.to_owned(), error);
    // First, because a later shape would look damaged.
    let Version { version } = serde_json::from_slice(&text).map_err(damaged)?;
    if version != VERSION {
        return Err(NotKept::Newer(path.to_owned(), version));
    }
    let paper: Paper = serde_json::from_slice(&text).map_err(damaged)?;
    Ok(paper.servers)
}

/// All of a file. Servers' programs may be able to write it, so it is looked at before it is read.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if about.len() > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = Vec::new();
    // One that grows meanwhile has no end of JSON where this stops.
    File::open(path)?.take(LARGEST).read_to_end(&mut text)?;
    Ok(text)
}

/// The folder a file is in.
fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    folder
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Keeps other processes from changing the file while the lock is held. It is on the folder, because the file is
/// replaced by another.
fn lock(path: &Path) -> Result<File, NotKept> {
    let unwritable = |error| NotKept::Unwritable(path.to_owned(), error);
    let folder = File::open(folder(path)).map_err(unwritable)?;
    let (pause, looks) = LOOK;
    for _ in 0..looks {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(pause),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
    }
    Err(NotKept::Busy(path.to_owned()))
}

/// Replaces the file as a whole: whoever reads it, or wakes after a crash, finds all of the old or all of the new.
fn write(path: &Path, servers: Approved) -> io::Result<()> {
    let version = VERSION;
    let mut text = serde_json::to_vec_pretty(&Paper { version, servers })?;
    text.push(b'\n');
    // Where the path is a link, what it leads to is replaced, and the link stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut fresh = path.clone().into_os_string();
    fresh.push(".new");
    // Left by a process that was killed; the lock says that no other is at it.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    File::open(folder(&path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn approval(digest: &str) -> Approval {
        Approval {
            digest: digest.to_owned(),
            at: "2026-11-26T12:00:00Z".parse().unwrap(),
            by: By::Cli,
            tool: json!({"name": "search", "description": "Searches."}),
        }
    }

    fn put(approvals: &Approvals, server: &str, tool: &str, digest: &str) -> Result<(), NotKept> {
        approvals.change(|approved| {
            let tools = approved.entry(server.to_owned()).or_default();
            tools.insert(tool.to_owned(), approval(digest));
            Ok(())
        })
    }

    #[test]
    fn what_was_approved_is_there_for_the_next_process_and_reads_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pins.json");
        let approvals = Approvals::new(Some(path.clone()));
        assert_eq!(approvals.read().unwrap(), Approved::new());
        put(&approvals, "crm", "search", "blake3:aa").unwrap();
        let expected = r#"{
  "version": 1,
  "servers": {
    "crm": {
      "search": {
        "digest": "blake3:aa",
        "at": "2026-11-26T12:00:00Z",
        "by": "cli",
        "tool": {
          "description": "Searches.",
          "name": "search"
        }
      }
    }
  }
}
"#;
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        let next = Approvals::new(Some(path));
        assert_eq!(next.read().unwrap()["crm"]["search"], approval("blake3:aa"));
        // Nothing else is left in the folder.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pins.json");
        let good = r#"{"version":1,"servers":{"crm":{}}}"#;
        for (text, expected) in [
            ("", "damaged"),
            (&good[..good.len() - 1], "damaged"),
            (r#"{"version":1,"servers":{},"more":1}"#, "damaged"),
            (
                r#"{"version":1,"servers":{"crm":{"t":{"digest":1}}}}"#,
                "damaged",
            ),
            (r#"{"version":2,"tools":[]}"#, "later version"),
            ("[]", "damaged"),
        ] {
            fs::write(&path, text).unwrap();
            let approvals = Approvals::new(Some(path.clone()));
            let failed = approvals.read().unwrap_err().to_string();
            assert!(failed.contains(expected), "{text}: {failed}");
            put(&approvals, "crm", "search", "blake3:aa").unwrap_err();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, good).unwrap();
        assert!(Approvals::new(Some(path)).read().unwrap()["crm"].is_empty());
        // A folder is no file.
        let failed = Approvals::new(Some(folder.path().to_owned())).read();
        assert!(matches!(failed, Err(NotKept::Unreadable(..))), "{failed:?}");
    }

    #[test]
    fn changes_at_once_all_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pins.json");
        thread::scope(|scope| {
            for process in 0..4 {
                let path = path.clone();
                // Each with a file of its own, as processes have.
                scope.spawn(move || {
                    let approvals = Approvals::new(Some(path));
                    for tool in 0..10 {
                        let tool = format!("tool_{process}_{tool}");
                        put(&approvals, "crm", &tool, "blake3:aa").unwrap();
                    }
                });
            }
        });
        let approvals = Approvals::new(Some(path));
        assert_eq!(approvals.read().unwrap()["crm"].len(), 40);
    }

    #[test]
    fn a_change_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for path in [None, Some(folder.path().join("pins.json"))] {
            let approvals = Approvals::new(path.clone());
            let failed: Result<(), NotKept> = approvals.change(|approved| {
                approved.entry("crm".to_owned()).or_default();
                Err(NotKept::Busy(PathBuf::new()))
            });
            failed.unwrap_err();
            assert_eq!(approvals.read().unwrap(), Approved::new());
            assert!(path.is_none_or(|path| !path.exists()));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let path = PathBuf::from("/nowhere/at/all/pins.json");
        let failed = put(&Approvals::new(Some(path)), "crm", "search", "blake3:aa");
        let told = failed.unwrap_err().to_string();
        assert!(told.contains("/nowhere/at/all/pins.json"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        fs::write(&file, r#"{"version":1,"servers":{}}"#).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        put(
            &Approvals::new(Some(link.clone())),
            "crm",
            "search",
            "blake3:aa",
        )
        .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let approvals = Approvals::new(Some(file));
        assert_eq!(approvals.read().unwrap()["crm"].len(), 1);
    }
}
