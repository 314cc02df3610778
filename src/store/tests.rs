//! The store as its users see it.

use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::json;

use super::content::tests::arrays;
use super::*;
use crate::plan::Identity;

fn id(name: &str) -> CellId {
    Identity::new("test").field("name", name).finish()
}

fn content() -> Content {
    Content { record: json!({ "zebra": 0.1, "ant": [1, null, "ü"] }), arrays: arrays() }
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn writer(store: &Store, id: CellId) -> Writer {
    match store.claim(id).unwrap() {
        Claim::Yours(writer) => writer,
        Claim::Done => panic!("{id} is done"),
        Claim::Busy => panic!("{id} is busy"),
    }
}

fn put(store: &Store, id: CellId, content: &Content) -> u64 {
    writer(store, id).publish(content).unwrap()
}

#[test]
fn a_published_cell_is_done_and_read_back() {
    let (folder, store) = open();
    assert!(!store.has(id("a")));
    assert_eq!(store.get(id("a")).unwrap(), None);
    let bytes = put(&store, id("a"), &content());
    for store in [store, Store::open(folder.path()).unwrap()] {
        assert!(store.has(id("a")));
        assert!(matches!(store.claim(id("a")).unwrap(), Claim::Done));
        assert_eq!(store.get(id("a")).unwrap(), Some(content()));
        assert_eq!(store.record(id("a")).unwrap(), Some(content().record));
        assert_eq!(store.bytes().unwrap(), bytes);
        assert_eq!(store.noticed(), [""; 0]);
    }
}

#[test]
fn equal_content_gives_equal_bytes() {
    let ((_a, first), (_b, second)) = (open(), open());
    put(&first, id("a"), &content());
    put(&second, id("a"), &content());
    assert_eq!(fs::read(first.path(id("a"))).unwrap(), fs::read(second.path(id("a"))).unwrap());
}

#[test]
fn two_handles_exclude_each_other() {
    let (folder, store) = open();
    let other = Store::open(folder.path()).unwrap();
    let writer = writer(&store, id("a"));
    assert!(matches!(other.claim(id("a")).unwrap(), Claim::Busy));
    assert!(matches!(other.claim(id("b")).unwrap(), Claim::Yours(_)));
    writer.publish(&content()).unwrap();
    assert!(matches!(other.claim(id("a")).unwrap(), Claim::Done));
}

#[test]
fn many_threads_compute_a_cell_once() {
    let (_folder, store) = open();
    let start = Barrier::new(4);
    let work = || {
        start.wait();
        let mut computed = 0;
        for number in 0..50 {
            if let Claim::Yours(writer) = store.claim(id(&number.to_string())).unwrap() {
                writer.publish(&Content::default()).unwrap();
                computed += 1;
            }
        }
        computed
    };
    let total: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(total, 50);
}

#[test]
fn a_dropped_writer_gives_the_cell_free() {
    let (_folder, store) = open();
    drop(writer(&store, id("a")));
    assert!(!store.temporary(id("a")).exists());
    put(&store, id("a"), &content());
    assert!(!store.temporary(id("a")).exists());
}

/// A kill leaves an unlocked temporary file, here longer than the cell.
#[test]
fn what_a_killed_run_left_is_reused_or_removed() {
    let (folder, store) = open();
    put(&store, id("a"), &content());
    let undisturbed = fs::read(store.path(id("a"))).unwrap();
    let leave = || {
        store.remove(id("a")).unwrap();
        fs::write(store.temporary(id("a")), vec![7; undisturbed.len() + 1]).unwrap();
    };

    leave();
    assert!(!store.has(id("a")));
    put(&store, id("a"), &content());
    assert_eq!(fs::read(store.path(id("a"))).unwrap(), undisturbed);

    leave();
    Store::open(folder.path()).unwrap();
    assert!(!store.temporary(id("a")).exists());
}

#[test]
fn opening_leaves_running_cells_alone() {
    let (folder, store) = open();
    let writer = writer(&store, id("a"));
    Store::open(folder.path()).unwrap();
    writer.publish(&content()).unwrap();
    assert_eq!(store.get(id("a")).unwrap(), Some(content()));
}

/// Nothing, or for the record alone the right record; and the cell can be computed again.
fn assert_damage_is_seen(store: &Store, damaged: &[u8]) -> Result<(), TestCaseError> {
    let path = store.path(id("a"));
    fs::write(&path, damaged).unwrap();
    let record = store.record(id("a")).unwrap();
    prop_assert!(record.is_none() || record == Some(content().record));
    fs::write(&path, damaged).unwrap();
    prop_assert_eq!(store.get(id("a")).unwrap(), None);
    prop_assert!(matches!(store.claim(id("a")).unwrap(), Claim::Yours(_)));
    let noticed = store.noticed();
    prop_assert!(!noticed.is_empty());
    prop_assert!(noticed.iter().all(|sentence| sentence.contains("was damaged and has been removed")));
    Ok(())
}

#[test]
fn every_truncation_is_seen() {
    let (_folder, store) = open();
    put(&store, id("a"), &content());
    let whole = fs::read(store.path(id("a"))).unwrap();
    for length in 0..whole.len() {
        assert_damage_is_seen(&store, &whole[..length]).unwrap();
    }
    assert_damage_is_seen(&store, &[&whole[..], b"\n"].concat()).unwrap();
}

#[test]
fn every_altered_byte_is_seen() {
    let (_folder, store) = open();
    put(&store, id("a"), &content());
    let whole = fs::read(store.path(id("a"))).unwrap();
    for place in 0..whole.len() {
        // The capital of a hexadecimal digit, and all bits at once.
        for flip in [0x20, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] ^= flip;
            assert_damage_is_seen(&store, &damaged).unwrap();
        }
    }
}

/// Fewer cases than usual: each waits for the disk.
fn few_cases() -> ProptestConfig {
    ProptestConfig::with_cases(64)
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn any_other_bytes_are_no_cell(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (_folder, store) = open();
        put(&store, id("a"), &content());
        assert_damage_is_seen(&store, &bytes)?;
    }

    #[test]
    fn records_are_read_back(
        numbers in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..9),
        text in ".*",
    ) {
        let (_folder, store) = open();
        let content = Content { record: json!({ "numbers": numbers, "text": text }), ..Content::default() };
        put(&store, id("a"), &content);
        prop_assert_eq!(store.record(id("a")).unwrap(), Some(content.record));
    }
}

#[test]
fn a_cell_under_another_name_is_damaged() {
    let (_folder, store) = open();
    put(&store, id("a"), &content());
    drop(writer(&store, id("b")));
    fs::rename(store.path(id("a")), store.path(id("b"))).unwrap();
    assert_eq!(store.get(id("b")).unwrap(), None);
    assert_eq!(store.noticed(), [format!("{} was damaged and has been removed", store.path(id("b")).display())]);
    assert_eq!(store.noticed(), [""; 0]);
}

/// Another process may have replaced the damaged file since it was opened.
#[test]
fn a_cell_repaired_meanwhile_stays() {
    let (_folder, store) = open();
    put(&store, id("a"), &content());
    let seen = File::open(store.path(id("a"))).unwrap();
    store.remove(id("a")).unwrap();
    put(&store, id("a"), &content());
    store.discard(id("a"), &seen).unwrap();
    assert!(store.has(id("a")));
}

/// Publishes a cell that is `age` minutes old.
fn put_old(store: &Store, name: &str, age: u64) -> u64 {
    let bytes = put(store, id(name), &content());
    let file = File::options().write(true).open(store.path(id(name))).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60 * age)).unwrap();
    bytes
}

#[test]
fn the_oldest_that_may_go_is_evicted_first() {
    let (_folder, store) = open();
    let bytes = put_old(&store, "kept", 9);
    for (name, age) in [("newest", 1), ("oldest", 4), ("older", 3), ("newer", 2)] {
        put_old(&store, name, age);
    }
    let left = || ["newest", "newer", "older", "oldest", "kept"].into_iter().filter(|name| store.has(id(name)));
    let may_go = |cell| cell != id("kept");

    assert_eq!(store.evict(5 * bytes, &may_go).unwrap(), 0);
    assert_eq!(left().count(), 5);
    // One byte too many costs one cell.
    assert_eq!(store.evict(5 * bytes - 1, &may_go).unwrap(), bytes);
    assert_eq!(left().collect::<Vec<_>>(), ["newest", "newer", "older", "kept"]);
    assert_eq!(store.evict(2 * bytes, &may_go).unwrap(), 2 * bytes);
    assert_eq!(left().collect::<Vec<_>>(), ["newest", "kept"]);
    assert_eq!(store.evict(0, &may_go).unwrap(), bytes);
    assert_eq!(left().collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn a_held_cell_is_not_evicted() {
    let (_folder, store) = open();
    let bytes = put_old(&store, "held", 2) + put_old(&store, "free", 1);
    let held = Draft::lock(store.temporary(id("held"))).unwrap();
    assert_eq!(store.evict(0, &|_| true).unwrap(), bytes / 2);
    assert!(store.has(id("held")) && !store.has(id("free")));
    drop(held);
    assert_eq!(store.evict(0, &|_| true).unwrap(), bytes / 2);
    assert_eq!(store.bytes().unwrap(), 0);
}

#[test]
fn the_ignore_file_hides_the_store_and_nothing_else() {
    let (folder, _store) = open();
    assert_eq!(fs::read_to_string(folder.path().join(".gitignore")).unwrap(), "*\n");
    let shared = tempfile::tempdir().unwrap();
    fs::write(shared.path().join("suite.toml"), "").unwrap();
    Store::open(shared.path()).unwrap();
    assert!(!shared.path().join(".gitignore").exists());
}

fn refusal(folder: &Path) -> String {
    Store::open(folder).err().expect("the store opened").to_string()
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "").unwrap();
    assert_eq!(refusal(&file), format!("the store {} is not a folder", file.display()));
    let below = file.join("store");
    assert!(refusal(&below).starts_with(&format!("cannot create the store {}: ", below.display())));
}

/// Not even root can create files under /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_named() {
    let text = refusal(Path::new("/proc/explainbench"));
    assert!(text.starts_with("cannot create the store /proc/explainbench: "), "{text}");
}

/// Every write to /dev/full fails as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing_finished() {
    let (_folder, store) = open();
    put(&store, id("a"), &content());
    drop(writer(&store, id("b")));
    std::os::unix::fs::symlink("/dev/full", store.temporary(id("b"))).unwrap();
    let error = writer(&store, id("b")).publish(&content()).unwrap_err().to_string();
    let start = format!("cannot write {}: ", store.path(id("b")).display());
    assert!(error.starts_with(&start), "{error}");
    assert!(error.ends_with("; nothing finished was lost: make room and run again"), "{error}");
    assert!(!store.temporary(id("b")).exists() && !store.has(id("b")));
    assert_eq!(store.get(id("a")).unwrap(), Some(content()));
}

#[test]
fn what_cannot_be_written_says_what_to_do() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    assert_eq!(
        failed("write", Path::new("/a"), denied).to_string(),
        "cannot write /a: permission denied; nothing finished was lost: make the store writable or choose another with \
         --store"
    );
}
