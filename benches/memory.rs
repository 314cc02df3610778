//! Peak memory of a whole run at n and at 4n images: it follows workers and chunks, and not the sample. One worker, so that it
//! does not depend on which cells happen to run at the same time.
//!
//! `cargo bench --bench memory` runs the tool itself and prints its largest resident set.

mod timing;

const SUITE: &str = r#"
[dataset]
use = "planted"
size = 32
test = 2048

[model]
layers = [
    { conv2d = { out = 16, kernel = 3, padding = 1 } }, "relu", { max_pool2d = { kernel = 4 } },
    "flatten", { linear = { out = 4 } },
]
train = { epochs = 1 }

[images]
count = COUNT

[[explainer]]
use = "integrated-gradients"

[[explainer]]
use = "occlusion"

[[explainer]]
use = "random"

[[metric]]
use = "deletion"

[[metric]]
use = "relevance-mass"
"#;

fn main() {
    let [small, large] = [512, 2048].map(|count| {
        let megabytes = peak(count);
        println!("{count:>5} images: peak resident set {megabytes:.0} MB");
        megabytes
    });
    println!("4n / n = {:.3}", large / small);
}

/// The largest resident set of a run over `count` images, in megabytes.
fn peak(count: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    timing::run(folder.path(), &SUITE.replace("COUNT", &count.to_string()), 1).1
}
