//! Where data lies on this machine.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// The folder that named data is looked for in, if there is one.
#[derive(Clone, Debug, Default)]
pub struct DataFolder {
    pub path: Option<PathBuf>,
}

impl DataFolder {
    /// The variable that names the folder where the command line does not.
    pub const VARIABLE: &str = "EXPLAINBENCH_DATA";

    /// The folder of `--data`, else of the environment, else none.
    pub fn new(option: Option<PathBuf>) -> Self {
        let variable = || std::env::var_os(Self::VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { path: option.or_else(variable) }
    }

    /// The first of `candidates` that exists in this folder.
    ///
    /// # Errors
    /// When there is no data folder or it holds none of them: says what was looked for, where, and how to name the place.
    pub fn find(&self, candidates: &[&str]) -> Result<PathBuf> {
        let wanted = candidates.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let Some(folder) = &self.path else {
            return Err(Error::new(format!(
                "no data folder is known to look for {wanted} in: name the folder that holds it with `--data DIR` or {}=DIR",
                Self::VARIABLE
            )));
        };
        candidates.iter().map(|name| folder.join(name)).find(|path| path.exists()).ok_or_else(|| {
            Error::new(format!(
                "there is no {wanted} in {}: name the folder that holds it with `--data DIR` or {}=DIR",
                folder.display(),
                Self::VARIABLE
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_candidate_that_exists_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("MNIST/raw")).unwrap();
        let data = DataFolder { path: Some(folder.path().into()) };
        assert_eq!(data.find(&["mnist", "MNIST/raw"]).unwrap(), folder.path().join("MNIST/raw"));
    }

    #[test]
    fn what_is_missing_is_named_with_the_remedy() {
        let nowhere = DataFolder::default().find(&["mnist", "MNIST/raw"]).unwrap_err().to_string();
        assert_eq!(
            nowhere,
            "no data folder is known to look for `mnist` or `MNIST/raw` in: name the folder that holds it with `--data DIR` or EXPLAINBENCH_DATA=DIR"
        );
        let empty = DataFolder { path: Some("/nowhere".into()) };
        assert!(empty.find(&["mnist"]).unwrap_err().to_string().starts_with("there is no `mnist` in /nowhere: "));
    }
}
