//! All tests from outside, in one binary: libtorch links slowly.

mod architecture;
mod cli;
mod conformance;
mod coverage;
mod mistakes;
mod reference;
mod resume;
mod rounds;
mod support;
