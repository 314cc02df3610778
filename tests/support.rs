//! A folder of its own for each test, with a suite in it, and the program run there as a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use explainbench::store::{Content, Data, Store};
use tch::Tensor;

/// Everything is small and quick: a linear network finds a cue that always lies at one place.
pub const SMALL: &str = r#"
question = "Does it run?"
seeds = { model = 2 }
images = { count = 12 }
dataset = { use = "planted", size = 8, place = "corner", train = 60, test = 20 }
explainer = [{ use = "gradient" }, { use = "input" }, { use = "random" }]
metric = [{ use = "deletion" }, { use = "pointing-game" }]

[model]
name = "linear"
layers = ["flatten", { name = "fc", linear = { out = 4 } }]
train = { epochs = 2, batch = 20, optimizer = { use = "sgd", lr = 0.1 } }
"#;

/// `suite.toml`, `store` and `out` in a temporary folder.
pub struct Bench {
    folder: tempfile::TempDir,
}

/// How a command ended and what it said.
pub struct Said {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Bench {
    pub fn new(suite: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(bench.path("suite.toml"), suite).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program in the bench's folder, with arguments split at spaces.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_explainbench"));
        command.args(arguments.split_whitespace());
        self.prepare(command)
    }

    /// The same from a shell, after `before`, which may change what the program meets; `"$@"` is the program.
    pub fn shell(&self, script: &str, arguments: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_explainbench")]).args(arguments.split_whitespace());
        self.prepare(command)
    }

    fn prepare(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path()).env_remove("EXPLAINBENCH_DATA").stdin(Stdio::null());
        command
    }

    pub fn says(&self, arguments: &str) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    pub fn run(&self) -> Said {
        self.says("run suite.toml --store store --out out")
    }

    /// A run that goes on while the test does.
    pub fn start(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs that must succeed, and the files of the report that do not differ from run to run.
    pub fn rows(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let said = self.run();
        assert_eq!(said.code, Some(0), "{}", said.err);
        self.compared("out")
    }

    /// The files of a report that do not differ from run to run.
    pub fn compared(&self, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = self.path(out).join("suite");
        let kept = |path: &Path| {
            ["rows.csv", "rows.json"].iter().any(|name| path.ends_with(name))
                || path.starts_with(folder.join("figures"))
        };
        let files = files(&folder).into_iter().filter(|path| kept(path));
        let files: BTreeMap<PathBuf, Vec<u8>> =
            files.map(|path| (path.strip_prefix(&folder).unwrap().to_path_buf(), fs::read(&path).unwrap())).collect();
        assert!(files.len() > 2 && files.values().all(|bytes| !bytes.is_empty()), "{:?}", files.keys());
        files
    }

    /// The finished cell that `plan` describes with these words.
    pub fn cell(&self, words: &str) -> PathBuf {
        let plan = self.says("plan suite.toml --store store").out;
        let line = plan.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no `{words}` in\n{plan}"));
        let id = line.split(' ').next().unwrap();
        self.path("store/cells").join(&id[..2]).join(format!("{id}.cell"))
    }

    /// The finished cells that `plan` describes with these words.
    pub fn contents(&self, words: &str) -> Vec<Content> {
        let plan = self.says("plan suite.toml --store store").out;
        let store = Store::open(&self.path("store")).unwrap();
        let lines = plan.lines().filter(|line| line.contains(words));
        let ids = lines.map(|line| line.split(' ').next().unwrap().parse().unwrap());
        ids.map(|id| store.get(id).unwrap().unwrap()).collect()
    }

    /// Files that are not complete: what is left of a run that has ended is to be none.
    pub fn temporary(&self) -> Vec<PathBuf> {
        let unfinished =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "tmp" || extension == "part");
        ["store", "out"].iter().flat_map(|folder| files(&self.path(folder))).filter(unfinished).collect()
    }
}

impl Said {
    /// How many cells the run computed, as its last lines say.
    pub fn computed(&self) -> usize {
        let line = self.err.lines().find(|line| line.contains(" cells computed"));
        let count = line.and_then(|line| line.split(' ').next()?.parse().ok());
        count.unwrap_or_else(|| panic!("no count of cells in\n{}", self.err))
    }
}

/// An array of a cell: its shape and its numbers in that shape.
pub fn numbers(content: &Content, name: &str) -> (Vec<i64>, Tensor) {
    let array = &content.arrays[name];
    let shape: Vec<i64> = array.shape.iter().map(|size| *size as i64).collect();
    let flat = match &array.data {
        Data::F32(values) => Tensor::from_slice(values),
        Data::F64(values) => Tensor::from_slice(values),
        Data::I64(values) => Tensor::from_slice(values),
        Data::U8(values) => Tensor::from_slice(values),
        Data::U16(_) => panic!("no 16 bits here"),
    };
    (shape.clone(), flat.view(shape.as_slice()))
}

pub fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// All files below a folder, in the order of their names; none where the folder is missing.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A file may go while others are listed.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
