use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else touches libtorch: it looks for its CUDA half only once.
    explainbench::native::load_cuda();
    explainbench::cli::main()
}
