//! Suites whose models are files, as their user meets them: exported models with their own weights and retrained, beside models
//! of other kinds.

use std::fs;

use explainbench::model::{Model, exported, weights};
use explainbench::noise::Noise;
use explainbench::store::Data;
use explainbench::store::Store;
use explainbench::tensor_file;
use tch::{Device, Kind, Tensor};

use crate::exported::fixture;
use crate::support::Bench;

/// What the residual network in the fixture says of images is what the labels say, so it is always right with its own weights.
fn bench(models: &str, rest: &str) -> Bench {
    let bench = Bench::new("");
    let path = fixture("resnet.pt2");
    let graph = exported::read(&path, &[3, 16, 16], None).unwrap();
    let weights = weights::read(&graph, &path, Kind::Float, Device::Cpu).unwrap();
    let resnet = Model::new(graph.into(), weights).unwrap();
    for (name, ids) in [("train", 0..40_u64), ("test", 100..124)] {
        let ids: Vec<u64> = ids.collect();
        let contrast = Noise::new(1).uniform(&ids, &[1, 1, 1], Kind::Float, Device::Cpu).unwrap();
        let x = Noise::new(2).uniform(&ids, &[3, 16, 16], Kind::Float, Device::Cpu).unwrap() * contrast;
        let y = tch::no_grad(|| resnet.logits(&x)).unwrap().argmax(1, false);
        tensor_file::write(&bench.path(&format!("{name}.safetensors")), &[("x", x), ("y", y)]).unwrap();
    }
    let data = "use = 'tensors', file = 'train.safetensors', test_file = 'test.safetensors'";
    let classes = "classes = ['a', 'b', 'c', 'd', 'e']";
    let models = models.replace("RESNET", &path.display().to_string());
    let suite = format!("images = {{ count = 6 }}\ndataset = {{ {data}, {classes} }}\n{rest}\n{models}\n");
    fs::write(bench.path("suite.toml"), suite).unwrap();
    bench
}

impl Bench {
    fn result(&self, name: &str) -> String {
        fs::read_to_string(self.path("out/suite").join(name)).unwrap()
    }

    /// Runs to a good end.
    fn runs(&self) {
        let said = self.run();
        assert_eq!(said.code, Some(0), "{}", said.err);
    }

    /// The lines of a result that hold all of these words.
    fn lines(&self, name: &str, words: &[&str]) -> Vec<String> {
        let holds = |line: &&str| words.iter().all(|word| line.contains(word));
        self.result(name).lines().filter(holds).map(String::from).collect()
    }

    /// The weight of this name in the network that `plan` describes so.
    fn weight(&self, described: &str, name: &str) -> Vec<f32> {
        let id = self.cell(described).file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let content = Store::open(&self.path("store")).unwrap().get(id).unwrap().unwrap();
        match &content.arrays[&format!("weight.{name}")].data {
            Data::F32(values) => values.clone(),
            other => panic!("{other:?}"),
        }
    }
}

const BY_RULES: &str = "explainer = [{ use = 'gradient' }, { use = 'guided-backprop' }, { use = 'grad-cam' }, { use = 'lrp' }, \
    { use = 'deep-lift' }, { use = 'smoothgrad', of = 'guided-backprop', samples = 2 }, { use = 'input' }, { use = 'random' }]";

#[test]
fn an_exported_model_without_a_recipe_is_used_as_it_is() {
    let metrics = "metric = [{ use = 'deletion' }, { use = 'model-randomization', similarities = ['spearman'] }]";
    let bench = bench("model = { name = 'resnet', file = 'RESNET' }", &format!("{BY_RULES}\n{metrics}"));
    bench.runs();
    let accuracy = bench.lines("networks.csv", &["resnet,", ",test accuracy,"]);
    // Of the one seed, and of all.
    assert!(accuracy.len() == 2 && accuracy.iter().all(|line| line.contains(",1.0,")), "{accuracy:?}");
    for explainer in ["gradient", "guided-backprop", "grad-cam", "lrp", "deep-lift", "smoothgrad"] {
        for metric in ["deletion", "model-randomization"] {
            assert!(!bench.lines("rows.csv", &[&format!(",{explainer},{metric},")]).is_empty(), "{explainer} {metric}");
        }
    }
    let mut file = exported::Exported::open(&fixture("resnet.pt2")).unwrap();
    let graph = file.graph(&[3, 16, 16], None).unwrap();
    let own = Vec::<f32>::try_from(file.weights(&graph).unwrap()["fc.weight"].flatten(0, -1)).unwrap();
    assert_eq!(bench.weight("train ", "fc.weight"), own);
}

/// So slow a recipe that the networks are still where they started: at draws of their seeds, not at the file's weights.
#[test]
fn with_a_recipe_it_is_trained_from_a_fresh_start() {
    let recipe = "train = { epochs = 1, batch = 20, optimizer = { use = 'sgd', lr = 1e-12 } }";
    let rest =
        "seeds = { model = 2 }\nexplainer = [{ use = 'gradient' }, { use = 'random' }]\nmetric = { use = 'deletion' }";
    let bench = bench(&format!("model = {{ name = 'resnet', file = 'RESNET', {recipe} }}"), rest);
    bench.runs();
    let graph = exported::read(&fixture("resnet.pt2"), &[3, 16, 16], None).unwrap();
    let spec = graph.weights.iter().find(|spec| spec.name == "fc.weight").unwrap();
    for seed in [0, 1] {
        let noise = Noise::new(0).purpose("training").index(seed);
        let fresh = spec.draw(&noise, Kind::Float, Device::Cpu).unwrap().flatten(0, -1);
        let trained = Tensor::from_slice(&bench.weight(&format!("seed {seed}"), "fc.weight"));
        let moved = (trained - fresh).abs().max().double_value(&[]);
        assert!(moved < 1e-6, "seed {seed}: {moved:e}");
    }
    // Intervals speak of new trainings.
    assert!(!bench.lines("rows.csv", &[",gradient,deletion,", "recipe"]).is_empty(), "{}", bench.result("rows.csv"));
}

#[test]
fn models_of_different_kinds_stand_side_by_side() {
    let models = "model = [{ name = 'resnet', file = 'RESNET' }, \
        { name = 'retrained', file = 'RESNET', train = { epochs = 1 } }, \
        { name = 'list', layers = [{ conv2d = { out = 4, kernel = 3 } }, 'relu', 'flatten', { linear = { out = 5 } }], \
          train = { epochs = 1 } }]";
    let explainers = "explainer = [{ use = 'gradient' }, { use = 'grad-cam' }, { use = 'random' }]";
    let bench =
        bench(models, &format!("inference = {{ over = 'model' }}\n{explainers}\nmetric = {{ use = 'deletion' }}"));
    bench.runs();
    for model in ["resnet", "retrained", "list"] {
        assert_eq!(bench.lines("networks.csv", &[&format!(",{model},"), ",test accuracy,"]).len(), 2, "{model}");
        for explainer in ["gradient", "grad-cam"] {
            let rows = bench.lines("rows.csv", &[&format!(",{model},{explainer},deletion,")]);
            assert!(!rows.is_empty(), "{model} {explainer}: {}", bench.result("rows.csv"));
        }
    }
}

/// What TorchScript gives of logits and gradients is enough for most explainers, and it is what the exported file gives.
#[test]
fn torchscript_is_explained_as_the_exported_file_is() {
    let of = |extension: &str| fixture(&format!("digits.{extension}")).display().to_string();
    let explainers = "explainer = [{ use = 'gradient' }, { use = 'input-x-gradient' }, { use = 'integrated-gradients', steps = 8 }, \
        { use = 'smoothgrad', samples = 4 }, { use = 'occlusion', window = 2, stride = 2 }, { use = 'feature-ablation' }, \
        { use = 'rise', samples = 50, grid = 4 }, { use = 'lime', samples = 50 }, { use = 'kernel-shap', samples = 50 }, \
        { use = 'shapley', segments = { rows = 2, columns = 2 } }, { use = 'shapley-sampling', samples = 2 }, \
        { use = 'input' }, { use = 'random' }]";
    let bench = Bench::new(&format!(
        "images = {{ count = 6 }}\ndataset = {{ use = 'digits' }}\n{explainers}\nmetric = [{{ use = 'deletion' }}, {{ use = 'random-logit' }}]\n\
         model = [{{ name = 'script', file = '{}' }}, {{ name = 'exported', file = '{}' }}]\n",
        of("pt"),
        of("pt2"),
    ));
    bench.runs();
    let rows = |model: &str| -> Vec<String> {
        let of_model = bench.lines("rows.csv", &[&format!(",{model},")]);
        // Costs count the bytes of layers, which one of the two does not show.
        let costless = of_model.into_iter().filter(|row| !row.contains(",cost,"));
        costless.map(|row| row.replace(&format!(",{model},"), ",")).collect()
    };
    let (script, exported) = (rows("script"), rows("exported"));
    assert!(script.len() > 13 * 2 && script.len() == exported.len(), "{} {}", script.len(), exported.len());
    let mut compared = 0;
    for (ours, theirs) in script.iter().zip(&exported) {
        for (ours, theirs) in ours.split(',').zip(theirs.split(',')) {
            match (ours.parse::<f64>(), theirs.parse::<f64>()) {
                (Ok(a), Ok(b)) if a.is_finite() && b.is_finite() => {
                    compared += 1;
                    assert!((a - b).abs() < 1e-3, "{ours} {theirs} in\n{script:?}\n{exported:?}");
                }
                _ => assert_eq!(ours, theirs),
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn statistics_of_batch_norm_start_anew_with_their_layers() {
    let metric = |statistics: &str| {
        format!(
            "{{ name = '{statistics}', use = 'model-randomization', statistics = '{statistics}', similarities = ['spearman'] }}"
        )
    };
    let metrics = format!("metric = [{}, {}]", metric("kept"), metric("reset"));
    let rest = format!("seeds = {{ draw = 2 }}\nexplainer = [{{ use = 'gradient' }}, {{ use = 'random' }}]\n{metrics}");
    let bench = bench("model = { name = 'resnet', file = 'RESNET' }", &rest);
    bench.runs();
    let of = |label: &str, measure: &str| bench.lines("rows.csv", &[&format!(",gradient,{label},{measure},")]);
    // One value for each step: 7 convolutions and linear layers, 6 batch norms.
    let graph = exported::read(&fixture("resnet.pt2"), &[3, 16, 16], None).unwrap();
    let steps = graph.parameterised().len();
    assert!(steps > 10, "{steps}");
    for label in ["kept", "reset"] {
        assert_eq!(of(label, "fixed-spearman").len(), steps, "{}", bench.result("rows.csv"));
    }
    let numbers = |label: &str, measure: &str| -> Vec<String> {
        of(label, measure).iter().map(|row| row.split(&format!(",{measure},")).nth(1).unwrap().to_string()).collect()
    };
    // The last layer has no statistics: there the two agree. Once layers with statistics are drawn anew they do not.
    assert_eq!(numbers("kept", "first-step-spearman"), numbers("reset", "first-step-spearman"));
    assert_ne!(numbers("kept", "last-step-spearman"), numbers("reset", "last-step-spearman"));
}
