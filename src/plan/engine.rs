//! The identity of what all methods share: the graph, the trainer, the noise, the chunks. Its source is hashed, so that a
//! changed engine never answers from cells that an earlier one made.

use std::sync::LazyLock;

macro_rules! sources {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../", $file)))),*] };
}

/// Every file whose code decides the numbers of more than one method. A test holds this list against the folders.
const SOURCES: &[(&str, &str)] = sources![
    "datasets/split.rs",
    "datasets/truth.rs",
    "explainers/coalitions.rs",
    "explainers/control.rs",
    "explainers/explained.rs",
    "explainers/feature_maps.rs",
    "explainers/map.rs",
    "explainers/perturb.rs",
    "explainers/reference.rs",
    "explainers/scene.rs",
    "explainers/segments.rs",
    "explainers/segments/slic.rs",
    "imputers/blur.rs",
    "imputers/mod.rs",
    "influence/calculus/curvature.rs",
    "influence/calculus/gradients.rs",
    "influence/calculus/layer.rs",
    "influence/calculus/mod.rs",
    "influence/calculus/parameters.rs",
    "influence/calculus/place.rs",
    "influence/calculus/tape.rs",
    "influence/last_layer.rs",
    "influence/mod.rs",
    "influence/perturbation.rs",
    "influence/projection.rs",
    "influence/quantity.rs",
    "influence/solve/arnoldi.rs",
    "influence/solve/conjugate_gradients.rs",
    "influence/solve/exact.rs",
    "influence/solve/kronecker.rs",
    "influence/solve/lissa.rs",
    "influence/solve/mod.rs",
    "influence/solve/rank_one.rs",
    "metrics/mod.rs",
    "model/convex/fit.rs",
    "model/convex/loss.rs",
    "model/convex/mod.rs",
    "model/convex/refit.rs",
    "model/evaluate.rs",
    "model/exported/archive.rs",
    "model/exported/call.rs",
    "model/exported/layers.rs",
    "model/exported/lower.rs",
    "model/exported/makers.rs",
    "model/exported/mod.rs",
    "model/exported/parts.rs",
    "model/exported/pointwise.rs",
    "model/exported/products.rs",
    "model/exported/recurrent.rs",
    "model/exported/rules.rs",
    "model/exported/schema.rs",
    "model/exported/shapes.rs",
    "model/exported/storage.rs",
    "model/exported/windows.rs",
    "model/factor.rs",
    "model/graph.rs",
    "model/init.rs",
    "model/layers/entry.rs",
    "model/layers/kinds.rs",
    "model/layers/mod.rs",
    "model/layers/names.rs",
    "model/memo.rs",
    "model/mod.rs",
    "model/ops/apply.rs",
    "model/ops/aten.rs",
    "model/ops/aten_apply.rs",
    "model/ops/batched.rs",
    "model/ops/mod.rs",
    "model/ops/recurrent.rs",
    "model/ops/shape.rs",
    "model/ops/winners.rs",
    "model/randomize.rs",
    "model/rules/family.rs",
    "model/rules/local.rs",
    "model/rules/mod.rs",
    "model/rules/written.rs",
    "model/script.rs",
    "model/smooth.rs",
    "model/table.rs",
    "model/train/augment.rs",
    "model/train/checkpoints.rs",
    "model/train/convex.rs",
    "model/train/mod.rs",
    "model/train/optimizer.rs",
    "model/train/proximal.rs",
    "model/train/recipe.rs",
    "model/train/robust.rs",
    "model/train/schedule.rs",
    "model/weights.rs",
    "need.rs",
    "noise.rs",
    "run/perform/arrays.rs",
    "run/perform/data.rs",
    "run/perform/explain.rs",
    "run/perform/influence.rs",
    "run/perform/learn.rs",
    "run/perform/mod.rs",
    "run/perform/perturb.rs",
    "run/perform/picture.rs",
    "run/perform/points.rs",
    "run/perform/poison.rs",
    "run/perform/provenance.rs",
    "run/perform/rank.rs",
    "run/perform/refit.rs",
    "run/perform/retrain.rs",
    "run/perform/score.rs",
    "run/perform/train.rs",
    "similarities/mod.rs",
    "suite/images.rs",
    "transforms/flipped_labels.rs",
    "transforms/mod.rs",
    "transforms/permuted_labels.rs",
];

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in SOURCES {
        hasher.update(name.as_bytes()).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_string()
});

/// Sixteen hex digits.
pub fn hash() -> &'static str {
    &HASH
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// All `.rs` files below a folder of `src`.
    fn files(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
                found.push(path.strip_prefix(src).unwrap().to_str().unwrap().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_engine_is_listed() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let shared = [
            "datasets/split.rs",
            "datasets/truth.rs",
            "explainers/coalitions.rs",
            "explainers/control.rs",
            "explainers/explained.rs",
            "explainers/feature_maps.rs",
            "explainers/map.rs",
            "explainers/perturb.rs",
            "explainers/reference.rs",
            "explainers/scene.rs",
            "explainers/segments.rs",
            "imputers/blur.rs",
            "imputers/mod.rs",
            "influence/last_layer.rs",
            "influence/mod.rs",
            "influence/perturbation.rs",
            "influence/projection.rs",
            "influence/quantity.rs",
            "metrics/mod.rs",
            "need.rs",
            "noise.rs",
            "similarities/mod.rs",
            "suite/images.rs",
            "transforms/flipped_labels.rs",
            "transforms/mod.rs",
            "transforms/permuted_labels.rs",
        ];
        let mut wanted = shared.map(String::from).to_vec();
        files(&src.join("explainers/segments"), &mut wanted);
        files(&src.join("influence/calculus"), &mut wanted);
        files(&src.join("influence/solve"), &mut wanted);
        files(&src.join("model"), &mut wanted);
        files(&src.join("run/perform"), &mut wanted);
        wanted.sort();
        let mut listed: Vec<String> = SOURCES.iter().map(|(name, _)| name.to_string()).collect();
        listed.sort();
        assert_eq!(listed, wanted);
    }
}
