//! What anchors are made of: bytes on a chain, entries that nodes give out, and the file of anchors under way.

use std::io;

use ganglion_chain::embedded::Entry;
use ganglion_chain::outbox::Pace;
use ganglion_chain::{AnchorPayload, ChainName, Medium, Outbox};
use ganglion_types::Epoch;

/// What is read is written again with the same bytes.
pub(super) fn anchor_payload(bytes: &[u8]) {
    match AnchorPayload::from_bytes(bytes) {
        Ok(payload) => assert_eq!(payload.to_bytes(), bytes),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The same, and nothing with another signature is read.
pub(super) fn anchor_entry(bytes: &[u8]) {
    if let Some(entry) = Entry::from_bytes(bytes) {
        assert_eq!(entry.to_bytes(), bytes);
    }
}

/// A file in memory.
#[derive(Debug)]
struct Memory(Vec<u8>);

impl Medium for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let end = from.saturating_add(length).min(self.0.len());
        Ok(self.0[from..end].to_vec())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.0.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(())
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        self.0 = content.to_vec();
        Ok(())
    }
}

/// Any file is opened, begun anew behind its last whole record, or refused with a reason.
pub(super) fn anchor_outbox(bytes: &[u8]) {
    let chain = ChainName::new("evm:1:0x0").expect("printable");
    match Outbox::open(Memory(bytes.to_vec()), chain, Epoch::GENESIS, Pace::default(), 7) {
        Ok(outbox) => assert!(outbox.flights().len() <= ganglion_chain::limits::FLIGHTS),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
