//! placeholder
use super::exit::Failure; use super::Global;
#[derive(Debug, clap::Subcommand)] pub(super) enum ConfigCommand { /// x
 Show }
pub(super) fn run(_: &Global, _: ConfigCommand) -> Result<(), Failure> { Ok(()) }
