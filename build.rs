//! Gives every binary the place of libtorch, so that it runs from any folder without LD_LIBRARY_PATH.

use std::{env, fs, path::Path};

// Where libtorch is missing, the compiler stops here, often before torch-sys fails at length.
const _: &str = include_str!(concat!(
    env!("LIBTORCH"), // not there? Run `make setup`.
    "/include/torch/headeronly/version.h"
));

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=build.rs");
    let library = env::var("DEP_TCH_LIBTORCH_LIB").map_err(|_| "torch-sys did not say where libtorch is")?;
    // The real folder, not the clone's link: a binary outlives a move of the clone.
    let library = Path::new(&library).canonicalize().map_err(|error| format!("{library}: {error}"))?;
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", library.display());
    println!("cargo:rustc-env=EXPLAINBENCH_LIBTORCH_VERSION={}", version(&library)?);
    Ok(())
}

/// "2.11.0", as libtorch's header says it.
fn version(library: &Path) -> Result<String, String> {
    let header = library.join("../include/torch/headeronly/version.h");
    let text = fs::read_to_string(&header).map_err(|error| format!("{}: {error}", header.display()))?;
    let part = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("#define TORCH_VERSION_{name} ")));
        line.and_then(|line| line.split_whitespace().last()).unwrap_or("?")
    };
    Ok(format!("{}.{}.{}", part("MAJOR"), part("MINOR"), part("PATCH")))
}
