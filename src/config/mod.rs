//! Reading a TOML file so that every mistake in it is answered at its place.
//!
//! A [`Section`] is a table that remembers which keys were asked for: what nobody asked for is a mistake ([`Section::finish`]),
//! and what was asked for, with its defaults, is the identity of the thing it configures ([`Section::settings`]). Mistakes are
//! collected, not returned one by one, so a reader goes on with defaults and the user sees all of them at once.
//!
//! ```
//! # use explainbench::config::Section;
//! let section = Section::parse("suite.toml", "steps = 'many'").unwrap();
//! assert_eq!(section.get("steps", 16_usize), 16);
//! section.finish();
//! assert!(section.mistakes().to_string().contains("suite.toml:1:9"));
//! ```

mod check;
mod diagnostic;
mod excerpt;
mod item;
mod method;
mod read;
mod section;
mod settings;
mod suggest;
mod sweep;
mod tree;
mod value;

pub use diagnostic::{Mistake, Mistakes, Source};
pub use item::{Item, Word};
pub use section::Section;
pub use settings::Settings;
pub use suggest::suggest;
pub use tree::{Content, Field, Node, Span};
pub use value::Value;
