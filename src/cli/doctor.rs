//! `explainbench doctor`: what was found, what is missing, and what to do.

use std::process::ExitCode;

use clap::Args;

use super::{Places, print};
use crate::error::Result;
use crate::native::{self, CudaLibrary};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    places: Places,
}

pub fn doctor(arguments: &Arguments) -> Result<ExitCode> {
    native::init();
    let mut text = String::new();
    let mut line = |what: &str, found: String| text.push_str(&format!("{what:12} {found}\n"));
    line("explainbench", env!("CARGO_PKG_VERSION").to_string());
    line("libtorch", native::libtorch());
    line("CUDA", cuda());
    let blas = native::blas_in_use();
    let place = blas.library.map(|path| format!(" ({})", path.display())).unwrap_or_default();
    line("BLAS", format!("{}{place}, {} thread{}", blas.name, blas.threads, if blas.threads == 1 { "" } else { "s" }));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    line("threads", format!("{} per operation; {cores} workers by default, one per core", tch::get_num_threads()));
    line("data", data(arguments));
    line("store", arguments.places.store()?.display().to_string());
    line("fonts", "Liberation Sans, built in; the system's fonts are not used".to_string());
    if blas.threads != 1 {
        line("WARNING", "BLAS uses several threads: results may depend on the number of workers".to_string());
    }
    print(&text);
    Ok(ExitCode::SUCCESS)
}

fn cuda() -> String {
    match native::load_cuda() {
        CudaLibrary::Loaded(path) if tch::Cuda::is_available() => {
            format!("{} device(s), through {}", tch::Cuda::device_count(), path.display())
        }
        CudaLibrary::Loaded(path) => {
            format!("{} is there, but no usable GPU or driver: everything runs on the CPU", path.display())
        }
        CudaLibrary::NotFound(looked) => {
            let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
            format!(
                "no libtorch_cuda.so in {}: everything runs on the CPU. With an NVIDIA GPU, `EXPLAINBENCH_CUDA=1 make setup` fetches it",
                looked.join(", ")
            )
        }
        CudaLibrary::Failed(path, reason) => format!("{} does not load: {reason}", path.display()),
    }
}

fn data(arguments: &Arguments) -> String {
    match arguments.places.data().path {
        None => "no folder given (--data DIR or EXPLAINBENCH_DATA): only the built-in `digits` and what is made of it"
            .to_string(),
        Some(folder) => match std::fs::read_dir(&folder) {
            Err(error) => format!("{}: {error}", folder.display()),
            Ok(entries) => {
                let mut names: Vec<String> =
                    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
                names.sort();
                format!("{}: {}", folder.display(), names.join(", "))
            }
        },
    }
}
