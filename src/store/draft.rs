//! A file in the making: it has a temporary name and an exclusive lock until it is complete.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The lock belongs to the open file, so it excludes other threads as well as other processes, and the system frees it
/// however its holder ends: a temporary file without a lock was left by a run that was killed.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    published: bool,
}

impl Draft {
    /// Takes the temporary file at `path`, new or left over. `None` while another thread or process holds it.
    pub(super) fn lock(path: PathBuf) -> io::Result<Option<Self>> {
        loop {
            let file = File::options().write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Between our opening and our lock the holder before us may have published or removed the file: then the
            // lock guards nothing.
            if is_at(&file, &path)? {
                return Ok(Some(Self { file, path, published: false }));
            }
        }
    }

    /// Writes the parts one after another, gives the file its final name and returns its length in bytes. When this
    /// returns, the file survives a power cut; when writing fails, nothing is left behind.
    pub(super) fn publish(mut self, target: &Path, parts: &[&[u8]]) -> io::Result<u64> {
        let mut length = 0;
        for part in parts {
            self.file.write_all(part)?;
            length += part.len() as u64;
        }
        // What a killed run left may have been longer.
        self.file.set_len(length)?;
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.published = true;
        sync_folder_of(target)?;
        Ok(length)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // While the lock still holds: afterwards the name may be another's.
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether `path` still names this open file.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A name is durable only when its folder is.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, target) = (folder.path().join(".a.tmp"), folder.path().join("a"));
        (folder, temporary, target)
    }

    #[test]
    fn one_holder_at_a_time() {
        let (_folder, temporary, _) = paths();
        let first = Draft::lock(temporary.clone()).unwrap();
        assert!(first.is_some());
        assert!(Draft::lock(temporary.clone()).unwrap().is_none());
        drop(first);
        assert!(!temporary.exists());
        assert!(Draft::lock(temporary).unwrap().is_some());
    }

    /// Threads take and leave the lock at once. Were a lock on a removed file taken for the lock on the name, two would
    /// hold it together.
    #[test]
    fn a_lock_on_a_removed_file_does_not_count() {
        let (_folder, temporary, target) = paths();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        if let Some(draft) = Draft::lock(temporary.clone()).unwrap() {
                            // Fails if it is there already.
                            File::create_new(&target).unwrap();
                            fs::remove_file(&target).unwrap();
                            drop(draft);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_longer_left_over_is_overwritten() {
        let (_folder, temporary, target) = paths();
        fs::write(&temporary, "left by a run that was killed").unwrap();
        let length = Draft::lock(temporary.clone()).unwrap().unwrap().publish(&target, &[b"ne", b"w"]).unwrap();
        assert_eq!((length, fs::read(&target).unwrap()), (3, b"new".to_vec()));
        assert!(!temporary.exists());
    }

    /// Once published, the temporary name may be another's.
    #[test]
    fn a_published_draft_does_not_remove_the_next_one() {
        let (_folder, temporary, target) = paths();
        let mut published = Draft::lock(temporary.clone()).unwrap().unwrap();
        fs::rename(&temporary, &target).unwrap();
        published.published = true;
        let _next = Draft::lock(temporary.clone()).unwrap().unwrap();
        drop(published);
        assert!(temporary.exists());
    }

    /// Every write to /dev/full fails as on a full disk.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        let (folder, temporary, target) = paths();
        std::os::unix::fs::symlink("/dev/full", &temporary).unwrap();
        let error = Draft::lock(temporary).unwrap().unwrap().publish(&target, &[b"1"]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
