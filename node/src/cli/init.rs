//! placeholder
use super::exit::Failure; use super::Global;
#[derive(Debug, clap::Args)] pub(super) struct InitArgs {}
pub(super) fn run(_: &Global, _: InitArgs) -> Result<(), Failure> { Ok(()) }
