//! All tests from outside, in one binary: libtorch links slowly.

mod acceptance;
mod architecture;
mod cli;
mod conformance;
mod convex;
mod coverage;
mod exported;
mod exported_training;
mod fragility;
mod influence;
mod mistakes;
mod model_files;
mod mutation;
mod readme;
mod reference;
mod reference_cascade;
mod reference_explainers;
mod reference_rules;
mod refusals;
mod resume;
mod retraining;
mod robust;
mod rounds;
mod script;
mod support;

/// Tests have no `main` that could ready the native libraries, so the loader does, before the first test.
#[used]
#[unsafe(link_section = ".init_array")]
static INIT: extern "C" fn() = {
    extern "C" fn init() {
        explainbench::native::init();
    }
    init
};
