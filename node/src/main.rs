//! The `ganglion` binary.

use ganglion::cli::exit::Exit;

fn main() -> Exit {
    ganglion::cli::main()
}
