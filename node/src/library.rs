//! The store's reading half for the rest of the process, which changes when the store is opened anew.

use std::sync::{Arc, PoisonError, RwLock};

use ganglion_storage::Reader;

/// Gives the reader of the open store.
#[derive(Clone, Debug)]
pub struct Library(Arc<RwLock<Option<Reader>>>);

impl Library {
    /// A library over an open store.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self(Arc::new(RwLock::new(Some(reader))))
    }

    /// The reader; `None` while the store is being opened anew. Whoever holds it keeps the store open: for one answer only.
    #[must_use]
    pub fn reader(&self) -> Option<Reader> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes it, so that the store can be closed.
    pub fn close(&self) {
        self.set(None);
    }

    /// Gives this reader from now on.
    pub fn open(&self, reader: Reader) {
        self.set(Some(reader));
    }

    fn set(&self, reader: Option<Reader>) {
        let before =
            std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), reader);
        // Outside of the lock: the last reader closes the database.
        drop(before);
    }
}
