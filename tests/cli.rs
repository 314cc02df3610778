//! The program as its user meets it: what it prints where, and how it exits.

use std::fs;
use std::path::Path;

use explainbench::tensor_file::{self, TensorFile};
use tch::Tensor;

use crate::support::{Bench, SMALL, Said, files};

const COMMANDS: [&str; 7] = ["run", "plan", "validate", "report", "explain", "list", "doctor"];

const WRONG: &str = "question = 3\nmetrik = 1\n";

/// Ended well, and all that it has to say is a result.
fn quiet(said: Said) -> String {
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    said.out
}

/// Could not run: says why in one sentence with these words, and has no result.
fn refused(said: &Said, words: &[&str]) {
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
    assert!(words.iter().all(|word| said.err.contains(word)), "{}", said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
}

#[test]
fn every_command_explains_itself() {
    let bench = Bench::new(SMALL);
    let help = quiet(bench.says("--help"));
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let own = quiet(bench.says(&format!("{command} --help")));
        assert!(own.contains(&format!("Usage: explainbench {command}")), "{own}");
    }
    assert!(quiet(bench.says("--version")).starts_with("explainbench "));
}

#[test]
fn what_is_not_understood_exits_with_2() {
    let bench = Bench::new(SMALL);
    for (arguments, word) in [
        ("", "Usage"),
        ("rum", "run"),
        ("run", "<SUITE>"),
        ("run suite.toml --wokers 2", "--workers"),
        ("run suite.toml --workers two", "two"),
        ("run suite.toml --device cuda:x", "cuda:x"),
        ("run none.toml", "cannot read the suite none.toml"),
        ("run suite.toml --only gradeint", "did you mean `gradient`?"),
        ("plan none.toml", "none.toml"),
        ("report none.toml", "none.toml"),
        ("explain", "--model"),
    ] {
        refused(&bench.says(arguments), &[word]);
    }
    assert!(!bench.path(".explainbench").exists(), "a store was made for nothing");
}

#[test]
fn validate_says_ok_or_every_mistake() {
    let bench = Bench::new(SMALL);
    assert_eq!(
        quiet(bench.says("validate suite.toml")),
        "suite.toml: ok (1 datasets, 1 models, 3 explainers, 3 metrics, 2 trainings of each model)\n"
    );
    fs::write(bench.path("wrong.toml"), WRONG).unwrap();
    refused(&bench.says("validate wrong.toml"), &["wrong.toml:1:12", "wrong.toml:2:1", "did you mean `metric`?"]);
    let both = bench.says("validate wrong.toml suite.toml");
    assert_eq!(both.code, Some(2));
    assert!(both.out.starts_with("suite.toml: ok") && both.err.contains("wrong.toml:1:12"));
    for command in ["run", "plan", "report"] {
        refused(&bench.says(&format!("{command} wrong.toml --store store")), &["wrong.toml:1:12"]);
    }
    assert!(!bench.path("store").exists());
}

#[test]
fn a_second_run_computes_nothing() {
    let bench = Bench::new(SMALL);
    let before = quiet(bench.says("plan suite.toml --store store"));
    // 2 trainings, 6 explanations, 18 scores (the cost is one of 3 metrics), 3 pictures.
    assert!(before.contains("\n29 cells, 29 to do: 2 trainings, "), "{before}");
    assert_eq!(before.matches("  to do ").count(), 29);

    let first = bench.run();
    assert_eq!((first.code, first.computed()), (Some(0), 29), "{}", first.err);
    assert!(first.out.contains("Does it run?") && first.out.contains("gradient"), "{}", first.out);
    assert!(first.err.contains("[29/29]") && first.err.contains("\nreport: out/suite/report.md\n"), "{}", first.err);
    assert!(!format!("{}{}", first.out, first.err).contains('\x1b'), "escape codes in a pipe");

    let after = quiet(bench.says("plan suite.toml --store store"));
    assert!(after.contains("\n29 cells, 0 to do: 0 trainings, "), "{after}");
    assert_eq!(after.matches("  cached ").count(), 29);
    let compared = bench.compared("out");
    let second = bench.run();
    assert_eq!((second.code, second.computed(), &second.out), (Some(0), 0, &first.out), "{}", second.err);
    assert_eq!(bench.compared("out"), compared);
}

#[test]
fn a_smaller_run_is_a_part() {
    let bench = Bench::new(SMALL);
    let part = bench.says("run suite.toml --store store --out out --only input deletion");
    // Of one explainer and one metric with its cost: 2 trainings, 2 explanations, 4 scores and a picture.
    assert_eq!((part.code, part.computed()), (Some(0), 9), "{}", part.err);
    let rows = fs::read_to_string(bench.path("out/suite/rows.csv")).unwrap();
    assert!(rows.contains(",input,deletion,") && !rows.contains(",gradient,") && !rows.contains(",pointing-game,"));
    // What it computed is a part of the whole.
    assert_eq!(bench.run().computed(), 29 - 9);

    // Fewer images are other explanations of the same networks.
    let few = bench.says("run suite.toml --store store --out few --limit 4 --examples");
    assert_eq!((few.code, few.computed()), (Some(0), 29 - 2), "{}", few.err);
    let examples = fs::read_to_string(bench.path("few/suite/examples.csv")).unwrap();
    // 2 networks, 3 explainers, 4 images; 4 measures of pointing-game and 2 of cost, of deletion the area and 9 places of the
    // probability and of the logit.
    assert_eq!(examples.lines().count(), 1 + 2 * 3 * 4 * (4 + 2 + 2 * (1 + 9)), "{examples}");
    assert!(!bench.path("out/suite/examples.csv").exists());
    let fresh = bench.says("run suite.toml --store store --out out --fresh again");
    assert_eq!(fresh.computed(), 29);
}

/// A suite without explainers and metrics trains its networks and shows them.
#[test]
fn networks_alone_are_trained_and_shown() {
    let rows = |line: &&str| !line.starts_with("explainer") && !line.starts_with("metric");
    let suite: Vec<&str> = SMALL.lines().filter(rows).collect();
    let bench =
        Bench::new(&format!("{}\n[[model]]\nname = \"wide\"\n", suite.join("\n").replace("[model]", "[[model]]")));
    let more = "layers = [\"flatten\", { linear = { out = 8 } }, \"relu\", { linear = { out = 4 } }]\n";
    let text = fs::read_to_string(bench.path("suite.toml")).unwrap();
    fs::write(bench.path("suite.toml"), format!("{text}{more}train = {{ epochs = 1 }}\n")).unwrap();
    let valid = quiet(bench.says("validate suite.toml"));
    assert!(valid.contains("2 models, 0 explainers, 0 metrics, 2 trainings"), "{valid}");
    assert!(quiet(bench.says("plan suite.toml --store store")).contains("\n4 cells, 4 to do: 4 trainings"));
    let one = bench.says("run suite.toml --store store --out one --only wide");
    assert_eq!((one.code, one.computed()), (Some(0), 2), "{}", one.err);

    let said = bench.run();
    assert_eq!((said.code, said.computed()), (Some(0), 2), "{}", said.err);
    for words in ["Does it run?", "\nNetworks\n", "\nplanted, linear ", "\nplanted, wide ", "seeds 0, 1"] {
        assert!(said.out.contains(words), "{words} in\n{}", said.out);
    }
    let read = |name: &str| fs::read_to_string(bench.path("out/suite").join(name)).unwrap();
    let networks = read("networks.csv");
    assert_eq!(networks.lines().filter(|line| line.contains(",test accuracy,")).count(), 2 + 4, "{networks}");
    assert!(networks.contains("suite,planted,linear,1,running training accuracy,2.0,"), "{networks}");
    assert!(read("report.md").contains("figures/networks.png") && bench.path("out/suite/tables/networks.tex").exists());
    assert_eq!(read("rows.csv").lines().count(), 1);
}

#[test]
fn a_report_is_rebuilt_from_the_store() {
    let bench = Bench::new(SMALL);
    let ran = bench.run();
    let written = |folder: &str| -> Vec<(String, Vec<u8>)> {
        let (folder, paths) = (bench.path(folder), files(&bench.path(folder)));
        let name = |path: &Path| path.strip_prefix(&folder).unwrap().display().to_string();
        paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
    };
    let again = bench.says("report suite.toml --store store --out again");
    assert_eq!((again.code, again.out), (Some(0), ran.out));
    assert!(again.err.contains("files in again/suite"), "{}", again.err);
    assert_eq!(written("again"), written("out"));

    fs::remove_file(bench.cell("score ")).unwrap();
    let partial = bench.says("report suite.toml --store store --out partial");
    assert_eq!(partial.code, Some(1));
    assert!(partial.err.contains("1 of 23 results are missing: `explainbench run suite.toml`"), "{}", partial.err);
    assert!(partial.out.contains("1 of 23 results are missing"), "{}", partial.out);

    fs::write(bench.cell("train "), "damaged").unwrap();
    let damaged = bench.says("report suite.toml --store store --out partial");
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.err.contains("was damaged and has been removed"), "{}", damaged.err);
    assert!(damaged.err.contains("2 of 23 results are missing"), "{}", damaged.err);
}

#[test]
fn list_shows_catalogues_and_methods() {
    let bench = Bench::new(SMALL);
    let all = quiet(bench.says("list"));
    for name in ["planted", "smoothgrad", "blur", "pointing-game"] {
        assert!(all.contains(&format!("\n  {name} ")), "{all}");
    }
    let explainers = quiet(bench.says("list explainers"));
    assert!(explainers.contains("  gradient ") && !explainers.contains("  deletion "), "{explainers}");
    assert!(quiet(bench.says("list --markdown")).contains("| `gradient` | "));
    let one = quiet(bench.says("list gradient"));
    assert!(one.starts_with("gradient (of the explainers)\n") && one.contains("# Reference\nSimonyan"), "{one}");
    refused(&bench.says("list gradiant"), &["`gradiant`", "did you mean `gradient`?"]);
}

#[test]
fn doctor_says_what_there_is() {
    let bench = Bench::new(SMALL);
    let found = quiet(bench.says("doctor --store store --data ."));
    let lines = |start: &str| found.lines().filter(|line| line.starts_with(start)).count();
    for line in ["explainbench ", "libtorch ", "CUDA ", "BLAS ", "threads ", "data ", "store ", "fonts "] {
        assert_eq!(lines(line), 1, "{line} in\n{found}");
    }
    assert!(found.contains("suite.toml") && !found.contains("WARNING"), "{found}");
    assert!(quiet(bench.says("doctor --data nowhere")).contains("nowhere: No such file"));
    assert!(!bench.path("store").exists());
}

/// Paths of a suite are from its own folder, places of a run from where it was started.
#[test]
fn it_runs_from_any_folder() {
    let bench = Bench::new("");
    fs::create_dir_all(bench.path("suites/deep")).unwrap();
    let suite = SMALL.replace("{ use = \"input\" }", "{ use = \"precomputed\", file = \"maps.safetensors\" }");
    fs::write(bench.path("suites/deep/suite.toml"), suite).unwrap();
    let maps = Tensor::arange(20 * 64, (tch::Kind::Float, tch::Device::Cpu)).view([20, 8, 8]);
    tensor_file::write(&bench.path("suites/deep/maps.safetensors"), &[("attribution", maps)]).unwrap();
    let said = bench.says("run suites/deep/suite.toml");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(bench.path(".explainbench/cells").is_dir() && bench.path("reports/suite/report.md").exists());
    // Below a store's folder the store is found.
    let mut below = bench.command("plan suite.toml");
    let below = crate::support::said(below.current_dir(bench.path("suites/deep")).output().unwrap());
    assert!(below.out.contains(" 0 to do"), "{}{}", below.out, below.err);
}

const MODEL: &str = r#"
[model]
layers = ["flatten", { name = "fc", linear = { out = 2 } }]
weights = "weights.safetensors"
"#;

/// z = W x + b with two classes on images of 2x2 pixels.
fn linear() -> Bench {
    let bench = Bench::new("");
    fs::write(bench.path("model.toml"), MODEL).unwrap();
    let weight = Tensor::from_slice(&[1f32, 2., 3., 4., -5., 6., 0.5, 0.]).view([2, 4]);
    let bias = Tensor::from_slice(&[10f32, 20.]);
    tensor_file::write(&bench.path("weights.safetensors"), &[("fc.weight", weight), ("fc.bias", bias)]).unwrap();
    let x = Tensor::from_slice(&[0.5f32, 0.25, 0., 1., 1., 1., 1., 1.]).view([2, 1, 2, 2]);
    let target = Tensor::from_slice(&[1i64, 0]);
    tensor_file::write(&bench.path("input.safetensors"), &[("x", x), ("target", target)]).unwrap();
    bench
}

const EXPLAIN: &str = "explain --model model.toml --input input.safetensors --output output.safetensors";

fn explain(bench: &Bench, explainer: &str, more: &str) -> Said {
    let mut command = bench.command(&format!("{EXPLAIN} {more}"));
    crate::support::said(command.args(["--explainer", explainer]).output().unwrap())
}

fn attribution(bench: &Bench) -> Tensor {
    TensorFile::open(&bench.path("output.safetensors")).unwrap().tensor("attribution").unwrap()
}

/// z_c = w_c x + b_c: the gradient is w_c, times the input it is w_c x, and so is any path from black.
#[test]
fn a_linear_model_is_explained_by_its_weights() {
    let bench = linear();
    assert_eq!(quiet(explain(&bench, "use = 'gradient'", "")), "");
    assert_eq!(attribution(&bench).size(), [2, 1, 2, 2]);
    assert_eq!(Vec::<f32>::try_from(attribution(&bench).view(-1)).unwrap(), [-5., 6., 0.5, 0., 1., 2., 3., 4.]);
    for explainer in ["use = 'input-x-gradient'", "use = 'integrated-gradients', steps = 4"] {
        quiet(explain(&bench, explainer, "--dtype float64 --weights weights.safetensors"));
        assert_eq!(attribution(&bench).kind(), tch::Kind::Double);
        assert_eq!(Vec::<f64>::try_from(attribution(&bench).view(-1)).unwrap(), [-2.5, 1.5, 0., 0., 1., 2., 3., 4.]);
    }
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let bench = linear();
    let gradient = "use = 'gradient'";
    refused(&explain(&bench, "use = 'gradiant'", ""), &["did you mean `gradient`?"]);
    refused(&explain(&bench, "use = 'gradient', steps = 3", ""), &["--explainer:1:"]);
    refused(&explain(&bench, "use = 'oracle'", ""), &["holds no tensor `mask`, only: target, x"]);
    refused(&explain(&bench, gradient, "--dtype float16"), &["float16", "float32 or float64"]);
    refused(&explain(&bench, gradient, "--device gpu"), &["gpu"]);
    refused(&explain(&bench, gradient, "--weights none.safetensors"), &["none.safetensors"]);
    refused(&explain(&bench, gradient, "--weights input.safetensors"), &["fc.weight"]);

    fs::write(bench.path("model.toml"), "[modle]").unwrap();
    refused(&explain(&bench, gradient, ""), &["model.toml", "no `[model]` table"]);
    fs::write(bench.path("model.toml"), MODEL).unwrap();

    let input = |tensors: &[(&str, Tensor)]| tensor_file::write(&bench.path("input.safetensors"), tensors).unwrap();
    let x = |shape: &[i64]| ("x", Tensor::zeros(shape, (tch::Kind::Float, tch::Device::Cpu)));
    let target = |classes: &[i64]| ("target", Tensor::from_slice(classes));
    for (tensors, words) in [
        ([x(&[1, 4]), target(&[0])], ["[1, 4]", "[B, C, H, W]"]),
        ([x(&[1, 1, 2, 2]), target(&[0, 1])], ["`target` is Int64 [2]", "int64 [1]"]),
        ([x(&[1, 1, 2, 2]), target(&[2])], ["`target` holds 2", "2 classes"]),
        ([x(&[1, 1, 2, 2]), target(&[-1])], ["`target` holds -1", "2 classes"]),
        ([x(&[1, 1, 3, 3]), target(&[0])], ["fc.weight", "[2, 9]"]),
        ([x(&[1, 1, 2, 2]), ("labels", Tensor::from_slice(&[0i64]))], ["holds no tensor `target`", "labels, x"]),
        ([x(&[1, 1, 2, 2]), ("target", Tensor::from_slice(&[0.5f32]))], ["`target`", "int64"]),
    ] {
        input(&tensors);
        refused(&explain(&bench, gradient, ""), &words);
    }
    fs::write(bench.path("input.safetensors"), "no tensors").unwrap();
    refused(&explain(&bench, gradient, ""), &["input.safetensors is not a safetensors file"]);
    assert!(!bench.path("output.safetensors").exists());
}
