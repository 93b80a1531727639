//! Integration tests of the `ganglion` binary.

mod yuma;
