//! What a store keeps beside its epochs: values of the node's own, items, list bodies, blobs and peers, each bounded.

use std::collections::BTreeMap;

use crate::{
    aged::{AgedTable, PRUNED_AT_ONCE},
    error::StoreError,
    schema::{EPOCHS, LOCAL, Name, PEERS, RESULTS},
    store::{PEER_BYTES_MAX, PEERS_MAX, Store},
    table::Step,
};

impl Store {
    /// Keeps a value of this node's own under a name, durably.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]; what disk and database say.
    pub fn put_local(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.write(|store| {
            let mut step = Step::default();
            step.put(&LOCAL, &Name(name.to_owned()), value.to_vec());
            store.reader.tables.commit(step)?;
            store.reader.tables.flush()
        })
    }

    /// Keeps an item under an epoch; `false` if it is there already. Durable after [`Store::flush`] or the next epoch.
    ///
    /// # Errors
    /// [`StoreError::Full`] if the bound is reached and nothing is of an earlier epoch; [`StoreError::TooLarge`]; what the
    /// database says. The same for lists and blobs.
    pub fn put_item(&mut self, epoch: u64, id: [u8; 32], item: &[u8]) -> Result<bool, StoreError> {
        self.put_aged(|store| &mut store.items, epoch, id, item)
    }

    /// Keeps a list body under an epoch; see [`Store::put_item`].
    pub fn put_list(
        &mut self,
        epoch: u64,
        digest: [u8; 32],
        body: &[u8],
    ) -> Result<bool, StoreError> {
        self.put_aged(|store| &mut store.lists, epoch, digest, body)
    }

    /// Keeps a blob under an epoch; see [`Store::put_item`].
    pub fn put_blob(
        &mut self,
        epoch: u64,
        digest: [u8; 32],
        blob: &[u8],
    ) -> Result<bool, StoreError> {
        self.put_aged(|store| &mut store.blobs, epoch, digest, blob)
    }

    fn put_aged(
        &mut self,
        table: impl FnOnce(&mut Self) -> &mut AgedTable,
        epoch: u64,
        digest: [u8; 32],
        content: &[u8],
    ) -> Result<bool, StoreError> {
        self.write(|store| {
            let tables = store.reader.tables.clone();
            let mut step = Step::default();
            let new = table(store).put(&tables, &mut step, epoch, digest, content)?;
            tables.commit(step)?;
            Ok(new)
        })
    }

    /// Keeps a peer's record. With [`PEERS_MAX`] of them the one that expires first makes room if it expires before this one.
    /// `false` if this one was not kept. Durable after [`Store::flush`] or the next epoch.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`PEER_BYTES_MAX`]; what the database says.
    pub fn put_peer(
        &mut self,
        hotkey: [u8; 32],
        expires: u64,
        record: &[u8],
    ) -> Result<bool, StoreError> {
        self.write(|store| {
            let (what, bytes, max) = ("a peer record", record.len(), PEER_BYTES_MAX);
            if bytes > max {
                return Err(StoreError::TooLarge { what, bytes, max });
            }
            let mut step = Step::default();
            if !store.peers.contains_key(&hotkey) && store.peers.len() >= PEERS_MAX {
                let first = store.peers.iter().min_by_key(|(_, expires)| **expires);
                match first.map(|(hotkey, expires)| (*hotkey, *expires)) {
                    Some((victim, earlier)) if earlier < expires => {
                        step.remove(&PEERS, &victim);
                        store.peers.remove(&victim);
                    }
                    _ => return Ok(false),
                }
            }
            let mut row = expires.to_be_bytes().to_vec();
            row.extend_from_slice(record);
            step.put(&PEERS, &hotkey, row);
            store.peers.insert(hotkey, expires);
            store.reader.tables.commit(step)?;
            Ok(true)
        })
    }

    /// Forgets a peer.
    ///
    /// # Errors
    /// What the database says.
    pub fn remove_peer(&mut self, hotkey: &[u8; 32]) -> Result<(), StoreError> {
        self.write(|store| {
            if store.peers.remove(hotkey).is_some() {
                let mut step = Step::default();
                step.remove(&PEERS, hotkey);
                store.reader.tables.commit(step)?;
            }
            Ok(())
        })
    }

    /// Removes items, list bodies and blobs of epochs before `before`, at most 128 of each; how many. Call again, between
    /// other work, until it is 0.
    ///
    /// # Errors
    /// What the database says.
    pub fn prune(&mut self, before: u64) -> Result<usize, StoreError> {
        self.write(|store| {
            let tables = store.reader.tables.clone();
            let mut step = Step::default();
            let mut removed = 0;
            for table in [&mut store.items, &mut store.lists, &mut store.blobs] {
                removed += table.prune(&tables, &mut step, before)?;
            }
            tables.commit(step)?;
            Ok(removed)
        })
    }

    /// Removes result rows of epochs before `before`, at most 128 at once; how many. Cuts and certificates stay.
    ///
    /// # Errors
    /// What the database says.
    pub fn prune_results(&mut self, before: u64) -> Result<usize, StoreError> {
        self.write(|store| {
            let tables = &store.reader.tables;
            let page = tables.scan(&RESULTS, &[], None, PRUNED_AT_ONCE)?;
            let keys: Vec<_> =
                page.into_iter().map(|(key, _)| key).filter(|(epoch, _)| *epoch < before).collect();
            let mut step = Step::default();
            let mut left: BTreeMap<u64, u32> = BTreeMap::new();
            for key in &keys {
                step.remove(&RESULTS, key);
                let count = match left.get(&key.0) {
                    Some(count) => *count,
                    None => store.reader.result_count(key.0)?,
                };
                left.insert(key.0, count.saturating_sub(1));
            }
            for (epoch, count) in left {
                step.put(&EPOCHS, &epoch, count.to_be_bytes().to_vec());
            }
            tables.commit(step)?;
            Ok(keys.len())
        })
    }

    /// Makes everything put so far durable. Committing an epoch does so too.
    ///
    /// # Errors
    /// What disk and database say.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.write(|store| store.reader.tables.flush())
    }
}
