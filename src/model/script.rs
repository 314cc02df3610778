//! TorchScript files (`torch.jit.save`): a network that libtorch runs as a whole and that nobody sees into.
//!
//! It lowers to a graph of one operation without weights. It gives logits and, as libtorch differentiates what it runs, their
//! gradients with respect to the input; it has no layers to look at, to draw anew or to train. The file holds a program in
//! TorchScript's own language of operations on tensors, and that is what is executed: no Python, and no pickle that could
//! call any. libtorch itself reads and runs it, without a bound on its time and memory, so take such a file from where you
//! would take a program. It runs in the precision of its weights, but for images in double precision, for which weights in single
//! precision are converted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tch::{CModule, Device, Kind, Tensor};

use super::graph::{Arg, Graph, Node};
use super::ops::Op;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// What a TorchScript file computes of examples of one shape.
pub struct Script {
    path: PathBuf,
    content: Vec<u8>,
    /// Of the content: it tells networks apart.
    hash: blake3::Hash,
    input: Vec<i64>,
    classes: i64,
    /// Whether its logits have derivatives by the input: a program can cut them off.
    pub differentiable: bool,
    /// One for each device and precision that was asked for so far. Libtorch runs a module on several threads at once.
    modules: Mutex<Vec<(Device, Kind, Arc<Loaded>)>>,
}

/// A program in the memory of a device.
struct Loaded {
    module: CModule,
    /// The precision that it runs in.
    kind: Kind,
}

/// The graph of a TorchScript file for examples of shape `input`, after `preprocess` if there is one.
///
/// # Errors
/// When libtorch cannot load the file, or what it computes of examples is not logits, or not those of each alone.
pub fn read(path: &Path, input: &[i64], preprocess: Option<Op>) -> Result<Graph> {
    let script = Op::Script(Arc::new(Script::load(path, input)?));
    let node = |name: &str, op, inputs| Node { name: name.to_string(), module: name.to_string(), op, inputs };
    let mut nodes: Vec<Node> = preprocess.map(|op| node("preprocess", op, vec![Arg::Input])).into_iter().collect();
    let from = if nodes.is_empty() { Arg::Input } else { Arg::Node(0) };
    nodes.push(node("forward", script, vec![from]));
    Ok(Graph { input: input.to_vec(), output: nodes.len() - 1, nodes, weights: Vec::new() })
}

/// Checks what can be checked without examples: that libtorch can load the file.
pub fn check(path: &Path) -> Result<()> {
    Script::open(path, &[]).and_then(|script| script.module(Device::Cpu, Kind::Float)).map(drop)
}

/// Logits of an example in a larger batch may differ by rounding; by more than this share of the largest, it is the batch's doing.
const ALONE: f64 = 1e-3;

impl Script {
    fn open(path: &Path, input: &[i64]) -> Result<Self> {
        let content = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        let hash = blake3::hash(&content);
        let (path, input) = (path.to_path_buf(), input.to_vec());
        Ok(Self { path, content, hash, input, classes: 0, differentiable: false, modules: Mutex::default() })
    }

    fn load(path: &Path, input: &[i64]) -> Result<Self> {
        let script = Self::open(path, input)?;
        let x = Noise::new(0).uniform(&[0, 1, 2], input, Kind::Float, Device::Cpu)?;
        let of = |x: &Tensor| tch::no_grad(|| script.forward(x));
        let logits = of(&x)?;
        let shape = logits.size();
        let (true, &[3, classes]) = (logits.numel() > 0, &shape[..]) else {
            let expected = "and a model under explanation gives logits [3, classes]";
            return Err(script.fault(format!("gives {shape:?} for a batch of 3, {expected}")));
        };
        if logits.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(script.fault("gives logits that are not finite for images of random pixels"));
        }
        // What a program does in training it may go on doing, whatever mode it is put in: tracing writes the mode down.
        let remedy = "call model.eval() before torch.jit.trace or torch.jit.script";
        if !of(&x)?.f_equal(&logits)? {
            return Err(script.fault(format!("gives other logits each time, as dropout in training does: {remedy}")));
        }
        let alone = of(&x.f_narrow(0, 0, 1)?)?;
        let apart = alone.f_sub(&logits.f_narrow(0, 0, 1)?)?.f_abs()?.f_max()?.f_double_value(&[])?;
        if apart > ALONE * logits.f_abs()?.f_max()?.f_double_value(&[])? {
            let why = "whose logits of an example depend on the rest of the batch, as batch norm's in training do";
            return Err(script.fault(format!("is a network {why}: {remedy}")));
        }
        let taped = x.f_detach()?.f_set_requires_grad(true)?;
        let differentiable = tch::with_grad(|| script.forward(&taped))?.requires_grad();
        Ok(Self { classes, differentiable, ..script })
    }

    /// The logits, [B, K], of a batch [B, input..], on its device and in its precision.
    pub fn run(&self, x: &Tensor) -> Result<Tensor> {
        let logits = self.forward(x)?;
        let expected = [x.size()[0], self.classes];
        if logits.size() != expected {
            return Err(self.fault(format!("gives {:?} for a batch {:?}, not {expected:?}", logits.size(), x.size())));
        }
        Ok(logits)
    }

    /// The shape of what it gives for one example of this shape.
    pub fn shape(&self, example: &[i64]) -> Result<Vec<i64>, String> {
        match example == self.input {
            true => Ok(vec![self.classes]),
            false => Err(format!("expects examples {:?}, got {example:?}", self.input)),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Loaded { module, kind } = &*self.module(x.device(), x.kind())?;
        // Of this thread. Else libtorch watches the first calls and then runs another program, whose results differ in the last
        // digits: what a cell holds would follow what its worker did before.
        tch::jit::f_set_graph_executor_optimize(false)?;
        // A tensor of its own: the program may change what it is given in place.
        let given = x.f_to_dtype(*kind, false, true)?;
        let logits = module.forward_ts(&[given]).map_err(|error| {
            let precision = if *kind == Kind::Double { " in double precision" } else { "" };
            self.fault(format!("cannot compute a batch {:?}{precision}: {}", x.size(), reason(&error.to_string())))
        })?;
        if !is_floating(&logits.kind()) {
            return Err(self.fault(format!("gives {:?}, which are no logits", logits.kind())));
        }
        Ok(logits.f_to_kind(x.kind())?)
    }

    /// The program with its weights on a device, for images of this precision.
    fn module(&self, device: Device, asked: Kind) -> Result<Arc<Loaded>> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, loaded)) = modules.iter().find(|(at, of, _)| (*at, *of) == (device, asked)) {
            return Ok(loaded.clone());
        }
        let refused = |error: tch::TchError| self.fault(format!("cannot be loaded: {}", reason(&error.to_string())));
        let mut module = CModule::load_data_on_device(&mut &self.content[..], device).map_err(refused)?;
        module.f_set_eval().map_err(refused)?;
        let weights = module.named_parameters()?;
        let mut kind = weights.iter().map(|(_, weight)| weight.kind()).find(is_floating).unwrap_or(Kind::Float);
        // Libtorch converts everything in a module, whole numbers too, and panics where it cannot.
        if (asked, kind) == (Kind::Double, Kind::Float) && weights.iter().all(|(_, weight)| weight.kind() == kind) {
            let convert = || module.to(device, asked, false);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(convert))
                .map_err(|_| self.fault("cannot be converted to double precision"))?;
            kind = asked;
        }
        // Else every gradient by the input would keep what those by the weights take.
        for (_, weight) in module.named_parameters()? {
            let _ = weight.f_set_requires_grad(false)?;
        }
        let loaded = Arc::new(Loaded { module, kind });
        modules.push((device, asked, loaded.clone()));
        Ok(loaded)
    }

    fn fault(&self, text: impl fmt::Display) -> Error {
        Error::new(format!("{}: {text}", self.path.display()))
    }
}

fn is_floating(kind: &Kind) -> bool {
    matches!(kind, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double)
}

/// What libtorch says of a failure inside a program: after a trace of the program comes the sentence.
fn reason(text: &str) -> &str {
    let sentences = ["RuntimeError: ", "builtins.RuntimeError: "];
    let said = text.lines().rev().find_map(|line| sentences.iter().find_map(|start| line.trim().strip_prefix(start)));
    said.or_else(|| text.lines().map(str::trim).find(|line| !line.is_empty())).unwrap_or("libtorch failed")
}

/// What decides the numbers: the file's content, for examples of this shape.
impl PartialEq for Script {
    fn eq(&self, other: &Self) -> bool {
        (&self.hash, &self.input) == (&other.hash, &other.input)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Script({}, {:?})", self.hash.to_hex(), self.input)
    }
}

impl Graph {
    /// Whether its logits have derivatives by the input.
    pub fn is_differentiable(&self) -> bool {
        !self.nodes.iter().any(|node| matches!(&node.op, Op::Script(script) if !script.differentiable))
    }

    /// Whether its layers cannot be seen.
    pub fn is_opaque(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, Op::Script(_)))
    }
}
