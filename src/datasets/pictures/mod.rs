//! Pictures from files: what the sources that read JPEG and PNG share. Files come one after another out of a folder or an
//! archive, are decoded by several threads, and end up in one tensor of bytes.

mod archive;
mod boxed;
mod decode;
mod faults;
mod frame;
mod layout;
mod load;
mod outward;
mod sample;
#[cfg(test)]
pub mod support;

pub use archive::Archive;
pub use boxed::{Annotated, Annotations, Boxed, MOST_TEXT, Object};
pub use faults::{Fault, Faults, OnError};
pub use frame::{Fit, Resize};
pub use layout::{Layout, Reading};
pub use outward::outward;
pub use sample::{balanced, ranks};

/// The source of an entry whose numbers are decided by its own files and by the mechanism that all pictures share.
macro_rules! source {
    ($($file:literal),*) => {
        concat!(
            $(include_str!($file),)*
            include_str!("pictures/archive.rs"),
            include_str!("pictures/decode.rs"),
            include_str!("pictures/faults.rs"),
            include_str!("pictures/frame.rs"),
            include_str!("pictures/load.rs"),
            include_str!("pictures/sample.rs"),
        )
    };
}
pub(super) use source;
