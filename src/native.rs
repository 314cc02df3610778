//! The native libraries under the program: libtorch with or without CUDA, the BLAS it multiplies with, and the devices.

use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, OnceLock};
use std::time::Instant;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use openblas_src as _; // links OpenBLAS
use tch::Device;

use crate::error::{Error, Result};

unsafe extern "C" {
    safe fn openblas_set_num_threads(threads: c_int);
    safe fn openblas_get_num_threads() -> c_int;
    safe fn openblas_get_config() -> *const c_char;
}

/// Readies the libraries for worker threads that compute independently: one thread for each operation, in libtorch and
/// in OpenBLAS.
///
/// libtorch's matrix products run in OpenBLAS where the loader meets it before libtorch's own BLAS (`blas_in_use`).
/// OpenBLAS ignores libtorch's setting, and with two threads it rounds otherwise than with one. To be called before the
/// first tensor; further calls set the same again.
pub fn init() {
    static INTEROP: Once = Once::new();
    openblas_set_num_threads(1);
    tch::set_num_threads(1);
    INTEROP.call_once(|| tch::set_num_interop_threads(1)); // libtorch refuses to be told twice
}

/// Unit tests have no `main` that could call `init`, so the loader does, before the first test.
#[cfg(all(test, target_os = "linux"))]
#[used]
#[unsafe(link_section = ".init_array")]
static INIT_BEFORE_TESTS: extern "C" fn() = {
    extern "C" fn before_tests() {
        init();
    }
    before_tests
};

/// What came of the search for libtorch's CUDA part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaLibrary {
    Loaded(PathBuf),
    /// In none of these folders.
    NotFound(Vec<PathBuf>),
    /// Found, but the loader refused it.
    Failed(PathBuf, String),
}

static CUDA_LIBRARY: OnceLock<CudaLibrary> = OnceLock::new();

/// Opens libtorch_cuda.so, so that one binary, linked to libtorch_cpu alone, serves machines with and without a GPU.
///
/// Has to be the first statement of `main`: libtorch remembers at its first gradient or seed whether CUDA is there, and
/// the environment may be written only while there is one thread. TF32 is turned off unless the user's
/// NVIDIA_TF32_OVERRIDE says otherwise: it keeps 10 bits of a product's mantissa.
pub fn load_cuda() -> &'static CudaLibrary {
    CUDA_LIBRARY.get_or_init(|| {
        if std::env::var_os("NVIDIA_TF32_OVERRIDE").is_none() {
            // SAFETY: the first statement of `main`, no other thread runs.
            unsafe { std::env::set_var("NVIDIA_TF32_OVERRIDE", "0") };
        }
        open_cuda(folders_to_search())
    })
}

/// Beside the libtorch that is loaded (the two must be of one build), then where the environment points.
fn folders_to_search() -> Vec<PathBuf> {
    let beside = loaded_file("libtorch_cpu.so").and_then(|file| file.parent().map(Path::to_path_buf));
    let libtorch = std::env::var_os("LIBTORCH").map(|root| Path::new(&root).join("lib"));
    let search_path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders = Vec::new();
    for folder in beside.into_iter().chain(libtorch).chain(std::env::split_paths(&search_path)) {
        if !folder.as_os_str().is_empty() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

fn open_cuda(folders: Vec<PathBuf>) -> CudaLibrary {
    let Some(file) = folders.iter().map(|folder| folder.join("libtorch_cuda.so")).find(|file| file.exists()) else {
        return CudaLibrary::NotFound(folders);
    };
    // SAFETY: the library's initialisers only register its operators with libtorch. It is never closed.
    match unsafe { Library::open(Some(&file), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            CudaLibrary::Loaded(file)
        }
        Err(error) => CudaLibrary::Failed(file, error.to_string()),
    }
}

/// The device for the word that the user gave: `auto` (a GPU where one can be used), `cpu`, `cuda` or `cuda:N`.
///
/// Fails on any other word, and on a GPU that is asked for and cannot be used, with the reason.
pub fn device(asked: &str) -> Result<Device> {
    let library = CUDA_LIBRARY.get().cloned().unwrap_or(CudaLibrary::NotFound(Vec::new()));
    let usable = if tch::Cuda::is_available() { tch::Cuda::device_count().max(0) as usize } else { 0 };
    choose(asked, &library, usable)
}

/// `usable`: the number of GPUs that libtorch can use.
fn choose(asked: &str, library: &CudaLibrary, usable: usize) -> Result<Device> {
    let index = match asked {
        "cpu" => return Ok(Device::Cpu),
        "auto" => return Ok(if usable > 0 { Device::Cuda(0) } else { Device::Cpu }),
        "cuda" => 0,
        other => other
            .strip_prefix("cuda:")
            .and_then(|number| number.parse::<usize>().ok())
            .ok_or_else(|| Error::new(format!("unknown device `{asked}`: expected auto, cpu or cuda:N")))?,
    };
    if index < usable {
        return Ok(Device::Cuda(index));
    }
    let reason = match library {
        _ if usable > 0 => format!("there are {usable} GPUs, counted from 0"),
        CudaLibrary::Loaded(file) => {
            format!("{} is loaded, but finds no usable GPU or driver", file.display())
        }
        CudaLibrary::NotFound(folders) => {
            let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            format!(
                "libtorch_cuda.so is not there (looked in {}); `EXPLAINBENCH_CUDA=1 make setup` fetches it",
                folders.join(", ")
            )
        }
        CudaLibrary::Failed(file, reason) => format!("{} does not load: {reason}", file.display()),
    };
    Err(Error::new(format!("cannot use device `{asked}`: {reason}")))
}

/// The library that libtorch's matrix products run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blas {
    /// The file that `sgemm_` comes from; none where libtorch multiplies by itself.
    pub library: Option<PathBuf>,
    /// The library's own words on its version and build.
    pub name: String,
    /// How many threads one product may take.
    pub threads: usize,
}

/// Finds the BLAS that libtorch is bound to: the first `sgemm_` in the loader's order.
pub fn blas_in_use() -> Blas {
    // SAFETY: only the symbol's address is read.
    let address = unsafe { Library::this().get::<*const ()>(b"sgemm_\0") }.ok().map(|symbol| *symbol as usize);
    let library = address.and_then(|address| {
        mapped_files().into_iter().find(|(range, _)| range.contains(&address)).map(|(_, file)| file)
    });
    let is_openblas = library.as_deref().is_some_and(|file| file.to_string_lossy().contains("openblas"));
    if is_openblas {
        // SAFETY: OpenBLAS returns a string that lives as long as the program.
        let config = unsafe { CStr::from_ptr(openblas_get_config()) }.to_string_lossy();
        Blas { library, name: config.trim().to_string(), threads: openblas_get_num_threads().max(1) as usize }
    } else {
        Blas { library, name: "libtorch's own".to_string(), threads: tch::get_num_threads().max(1) as usize }
    }
}

/// The version that the program was built against.
pub const LIBTORCH_VERSION: &str = env!("EXPLAINBENCH_LIBTORCH_VERSION");

/// libtorch's version and where it was loaded from.
pub fn libtorch() -> String {
    let file = loaded_file("libtorch_cpu.so").map(|file| format!(" ({})", file.display())).unwrap_or_default();
    format!("{LIBTORCH_VERSION}{file}")
}

/// The file of this name that the process has loaded.
fn loaded_file(name: &str) -> Option<PathBuf> {
    mapped_files().into_iter().map(|(_, file)| file).find(|file| file.file_name().is_some_and(|found| found == name))
}

/// The files mapped into this process, by address; empty where the system has no /proc.
fn mapped_files() -> Vec<(Range<usize>, PathBuf)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(mapped_file).collect()
}

/// One line of /proc/self/maps: `from-to permissions offset device inode   path`, where the path may hold spaces.
fn mapped_file(line: &str) -> Option<(Range<usize>, PathBuf)> {
    let (from, to) = line.split_once(' ')?.0.split_once('-')?;
    let range = usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?;
    Some((range, PathBuf::from(&line[line.find('/')?..])))
}

/// Gives memory that is free within the process back to the system. A heap in which small results lie between large temporary
/// tensors keeps its holes otherwise, and grows with the number of cells that went through it.
///
/// Called after every cell, it does so as often as costs a fiftieth of the time: the heap's walk takes longer than a small
/// cell.
pub fn release_memory() {
    static NEXT: Mutex<Option<Instant>> = Mutex::new(None);
    // Who comes while another is at it has nothing to do.
    let Ok(mut next) = NEXT.try_lock() else { return };
    let start = Instant::now();
    if next.is_some_and(|next| start < next) {
        return;
    }
    // Safe: it touches free memory only. Other libraries than the GNU one do this by themselves or not at all.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    *next = Some(Instant::now() + 50 * start.elapsed());
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use tch::{Kind, Tensor};

    use super::*;

    /// [37, 6000] x [6000, 29], as bits. The long inner sum is where a BLAS with idle threads splits differently.
    fn product() -> Vec<u32> {
        let wave = |length: i64, step: f64| (Tensor::arange(length, (Kind::Double, Device::Cpu)) * step).sin();
        let left = wave(37 * 6000, 0.7).reshape([37, 6000]).to_kind(Kind::Float);
        let right = wave(6000 * 29, 1.3).reshape([6000, 29]).to_kind(Kind::Float);
        let product = Vec::<f32>::try_from(left.matmul(&right).flatten(0, -1)).expect("a float vector");
        product.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn a_product_is_the_same_whatever_else_runs() {
        let alone = product();
        let start = Barrier::new(2);
        let worker = || {
            start.wait();
            (0..20).map(|_| product()).collect::<Vec<_>>()
        };
        let (first, second) = thread::scope(|scope| {
            let (first, second) = (scope.spawn(worker), scope.spawn(worker));
            (first.join().expect("no panic"), second.join().expect("no panic"))
        });
        for product in first.iter().chain(&second) {
            assert!(*product == alone, "a product depends on how many threads compute");
        }
    }

    #[test]
    fn each_product_has_one_thread() {
        assert_eq!(openblas_get_num_threads(), 1);
        assert_eq!(tch::get_num_threads(), 1);
        assert_eq!(blas_in_use().threads, 1);
    }

    #[test]
    fn the_blas_is_a_file_that_this_process_has_loaded() {
        let blas = blas_in_use();
        assert!(blas.library.is_some_and(|file| file.is_file()));
        assert!(!blas.name.is_empty());
    }

    #[test]
    fn libtorch_is_found_where_it_is_loaded_from() {
        let folders = folders_to_search();
        assert!(folders[0].join("libtorch_cpu.so").is_file(), "{folders:?}");
    }

    #[test]
    fn a_line_of_the_map_gives_its_addresses_and_its_file() {
        let line = "7f00-7fa0 r-xp 00001000 fe:00 42    /opt/my libraries/libtorch_cpu.so";
        assert_eq!(mapped_file(line), Some((0x7f00..0x7fa0, PathBuf::from("/opt/my libraries/libtorch_cpu.so"))));
        assert_eq!(mapped_file("7f00-7fa0 rw-p 00000000 00:00 0 [heap]"), None);
    }

    #[test]
    fn cuda_is_looked_for_in_every_folder_and_a_broken_one_is_named() {
        let (empty, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let only_empty = vec![empty.path().to_path_buf()];
        assert_eq!(open_cuda(only_empty.clone()), CudaLibrary::NotFound(only_empty));

        let file = broken.path().join("libtorch_cuda.so");
        fs::write(&file, "not a library").unwrap();
        match open_cuda(vec![empty.path().to_path_buf(), broken.path().to_path_buf()]) {
            CudaLibrary::Failed(found, reason) => assert!(found == file && !reason.is_empty()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_device_is_chosen_by_its_word() {
        let loaded = CudaLibrary::Loaded("/lib/libtorch_cuda.so".into());
        for (asked, usable, device) in [
            ("auto", 0, Device::Cpu),
            ("auto", 2, Device::Cuda(0)),
            ("cpu", 2, Device::Cpu),
            ("cuda", 1, Device::Cuda(0)),
            ("cuda:1", 2, Device::Cuda(1)),
        ] {
            assert_eq!(choose(asked, &loaded, usable).unwrap(), device, "{asked} with {usable}");
        }
    }

    #[test]
    fn a_device_that_cannot_be_used_is_refused_with_the_reason() {
        let loaded = CudaLibrary::Loaded("/lib/libtorch_cuda.so".into());
        let missing = CudaLibrary::NotFound(vec!["/a".into(), "/b".into()]);
        let failed = CudaLibrary::Failed("/lib/libtorch_cuda.so".into(), "no libcudart".into());
        for (asked, library, usable, expected) in [
            ("gpu", &loaded, 1, "unknown device `gpu`: expected auto, cpu or cuda:N"),
            ("cuda:x", &loaded, 1, "unknown device `cuda:x`"),
            ("cuda:2", &loaded, 2, "there are 2 GPUs"),
            ("cuda:0", &loaded, 0, "finds no usable GPU or driver"),
            ("cuda", &missing, 0, "looked in /a, /b"),
            ("cuda:0", &failed, 0, "does not load: no libcudart"),
        ] {
            let error = choose(asked, library, usable).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
