//! How layers are called.

/// Where a list of layers stands: what its layers' names begin with, and the number that `{}` is in them.
#[derive(Clone, Default)]
pub struct Scope {
    prefix: String,
    number: Option<u64>,
}

impl Scope {
    /// The whole name of a layer that its list calls `given`.
    pub fn name(&self, given: &str) -> String {
        let given = self.number.map_or(given.to_string(), |number| given.replace("{}", &number.to_string()));
        format!("{}{given}", self.prefix)
    }

    /// The scope of the layers within the layer of this whole name.
    pub fn within(&self, name: &str) -> Self {
        Self { prefix: format!("{name}."), number: self.number }
    }

    pub fn repetition(&self, number: u64) -> Self {
        Self { prefix: self.prefix.clone(), number: Some(number) }
    }
}

/// How many layers of each kind a list has had.
#[derive(Default)]
pub struct Counts(Vec<(String, usize)>);

impl Counts {
    /// Counts one more of a kind, and names it: `conv2d` becomes `conv1`, `conv2`, ..
    pub fn next(&mut self, kind: &str) -> String {
        let stem = kind.strip_suffix("1d").or_else(|| kind.strip_suffix("2d")).unwrap_or(kind);
        let at = self.0.iter().position(|(known, _)| known == stem).unwrap_or_else(|| {
            self.0.push((stem.to_string(), 0));
            self.0.len() - 1
        });
        self.0[at].1 += 1;
        format!("{stem}{}", self.0[at].1)
    }
}
