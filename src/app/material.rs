//! Files that the configuration names, read when it is loaded.

use std::{fs::File, io::Read};

/// The largest file, in bytes: what fits into one message of a client that takes 4 MiB.
const LARGEST: u64 = 3 * 1024 * 1024;

/// The bytes of a file, or why there are none. Relative names are relative to the working directory.
pub(super) fn read(name: &str) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(name).map_err(cannot)?;
    // A pipe or a device would be waited for without end.
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("is longer than {LARGEST} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_files_up_to_a_size_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("a"), "abc").unwrap();
        std::fs::File::create(path("large"))
            .unwrap()
            .set_len(LARGEST + 1)
            .unwrap();
        assert_eq!(read(&path("a")).unwrap(), b"abc");
        assert!(read(&path("large")).unwrap_err().contains("is longer than"));
        assert!(read(&path("none")).unwrap_err().contains("cannot be read"));
        assert_eq!(read(&path(".")).unwrap_err(), "is no file");
    }
}
