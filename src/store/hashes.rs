//! Content hashes of files outside the store, remembered between runs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use crate::error::{Error, Result};

/// File times are as coarse as this on some file systems, so a file changed this recently may change again unseen.
const SETTLED_AFTER_SECONDS: i64 = 2;

/// BLAKE3 hashes of data files, weights and scripts: a file is read again only if its size, its times or its place on
/// the disk have changed. The cache only saves time: where it is missing, broken or cannot be written, files are read.
pub struct FileHashes {
    cache: PathBuf,
    temporary: PathBuf,
    known: BTreeMap<PathBuf, Known>,
    changed: bool,
}

#[derive(Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    hash: String,
}

/// What changes whenever a file's content does. The time of the last status change is the one that programs cannot set
/// back, as `cp -p`, `tar` and `rsync` do with the time of modification.
#[derive(PartialEq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
    status_changed: (i64, i64),
    device: u64,
    inode: u64,
}

impl FileHashes {
    /// The hashes kept in this store's folder.
    pub fn open(store: &Path) -> Self {
        let (cache, temporary) = (store.join("files.json"), store.join(".files.tmp"));
        if temporary.exists() {
            // Left by a run that was killed while saving, unless one is saving now.
            drop(Draft::lock(temporary.clone()));
        }
        let known = fs::read(&cache).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { cache, temporary, known, changed: false }
    }

    /// The BLAKE3 hash of a file's content, as 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn hash(&mut self, path: &Path) -> Result<String> {
        self.hash_at(path, SystemTime::now())
    }

    fn hash_at(&mut self, path: &Path, now: SystemTime) -> Result<String> {
        let failed = |error| Error::io("read", path, error);
        let path = path.canonicalize().map_err(failed)?;
        let file = File::open(&path).map_err(failed)?;
        let before = Stamp::of(&file).map_err(failed)?;
        if let Some(known) = self.known.get(&path)
            && known.stamp == before
        {
            return Ok(known.hash.clone());
        }
        let hash = blake3::Hasher::new().update_reader(&file).map_err(failed)?.finalize().to_string();
        // A path that is no text could not be kept as JSON.
        if before.is_settled(now) && Stamp::of(&file).map_err(failed)? == before && path.to_str().is_some() {
            self.known.insert(path, Known { stamp: before, hash: hash.clone() });
            self.changed = true;
        }
        Ok(hash)
    }

    /// Keeps what was learnt for the next run, if the store can be written and no other run is saving.
    pub fn save(&self) {
        if self.changed
            && let Ok(json) = serde_json::to_vec_pretty(&self.known)
            && let Ok(Some(draft)) = Draft::lock(self.temporary.clone())
        {
            let _ = draft.publish(&self.cache, &[&json]);
        }
    }
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            status_changed: (found.ctime(), found.ctime_nsec()),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let last_change = self.modified.0.max(self.status_changed.0);
        now.duration_since(UNIX_EPOCH).is_ok_and(|now| now.as_secs() as i64 - last_change > SETTLED_AFTER_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A store's folder and a file to be hashed.
    struct Scene {
        folder: tempfile::TempDir,
        file: PathBuf,
    }

    impl Scene {
        fn new(content: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("weights.bin");
            fs::write(&file, content).unwrap();
            Self { folder, file }
        }

        fn hashes(&self) -> FileHashes {
            FileHashes::open(self.folder.path())
        }

        fn cache(&self) -> PathBuf {
            self.folder.path().join("files.json")
        }
    }

    fn hash_of(content: &str) -> String {
        blake3::hash(content.as_bytes()).to_string()
    }

    fn in_an_hour() -> SystemTime {
        SystemTime::now() + Duration::from_secs(3600)
    }

    /// The kept hash is replaced, so that a remembered answer differs from a fresh one.
    #[test]
    fn a_file_at_rest_is_read_once() {
        let scene = Scene::new("abc");
        let mut hashes = scene.hashes();
        assert_eq!(hashes.hash_at(&scene.file, in_an_hour()).unwrap(), hash_of("abc"));
        hashes.save();
        let kept = fs::read_to_string(scene.cache()).unwrap();
        fs::write(scene.cache(), kept.replace(&hash_of("abc"), "remembered")).unwrap();
        assert_eq!(scene.hashes().hash(&scene.file).unwrap(), "remembered");
        fs::write(&scene.file, "abcd").unwrap();
        assert_eq!(scene.hashes().hash(&scene.file).unwrap(), hash_of("abcd"));
    }

    #[test]
    fn an_edit_that_restores_size_and_time_is_seen() {
        let scene = Scene::new("abc");
        let mut hashes = scene.hashes();
        hashes.hash_at(&scene.file, in_an_hour()).unwrap();
        let modified = fs::metadata(&scene.file).unwrap().modified().unwrap();
        // The clock of file times advances in steps of some milliseconds.
        std::thread::sleep(Duration::from_millis(50));
        fs::write(&scene.file, "abd").unwrap();
        File::options().write(true).open(&scene.file).unwrap().set_modified(modified).unwrap();
        assert_eq!(fs::metadata(&scene.file).unwrap().modified().unwrap(), modified);
        assert_eq!(hashes.hash(&scene.file).unwrap(), hash_of("abd"));
    }

    #[test]
    fn a_file_just_written_is_not_remembered() {
        let scene = Scene::new("abc");
        let mut hashes = scene.hashes();
        hashes.hash(&scene.file).unwrap();
        assert!(hashes.known.is_empty());
    }

    #[test]
    fn a_broken_or_missing_cache_is_no_error() {
        let scene = Scene::new("abc");
        for broken in ["", "{", "[1]", r#"{"/a":{"stamp":3}}"#] {
            fs::write(scene.cache(), broken).unwrap();
            assert_eq!(scene.hashes().hash(&scene.file).unwrap(), hash_of("abc"));
        }
        let mut nowhere = FileHashes::open(&scene.file.join("no folder"));
        assert_eq!(nowhere.hash_at(&scene.file, in_an_hour()).unwrap(), hash_of("abc"));
        nowhere.save();
    }

    #[test]
    fn a_missing_file_is_named() {
        let scene = Scene::new("abc");
        let error = scene.hashes().hash(Path::new("/nowhere/weights.bin")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nowhere/weights.bin: "), "{error}");
    }

    #[test]
    fn what_a_killed_save_left_goes() {
        let scene = Scene::new("abc");
        let left = scene.folder.path().join(".files.tmp");
        fs::write(&left, "{").unwrap();
        scene.hashes();
        assert!(!left.exists());
    }
}
