//! Sparse matrices as flat arrays: entries row after row, in stored order.
//!
//! Order and explicit zeros are part of a row's meaning (`docs/spec/yuma.md`, "Weights"), so
//! nothing here sorts or drops an entry unless its name says so.

use super::fixed::{Divisor, Q, normalise};

/// One row: uids and their values, of equal length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) uids: &'a [u16],
    pub(super) values: &'a [Q],
}

impl<'a> Row<'a> {
    pub(super) fn entries(self) -> impl Iterator<Item = (u16, Q)> + 'a {
        self.uids.iter().copied().zip(self.values.iter().copied())
    }
}

/// A matrix stored by row. Its values are never negative.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// Where each row ends in the two arrays below.
    ends: Vec<usize>,
    uids: Vec<u16>,
    values: Vec<Q>,
}

impl Rows {
    pub(super) fn with_capacity(rows: usize, entries: usize) -> Self {
        Self {
            ends: Vec::with_capacity(rows),
            uids: Vec::with_capacity(entries),
            values: Vec::with_capacity(entries),
        }
    }

    /// An empty matrix with room for as many entries as this one.
    pub(super) fn with_capacity_of(other: &Self) -> Self {
        Self::with_capacity(other.ends.len(), other.values.len())
    }

    pub(super) fn entry_count(&self) -> usize {
        self.values.len()
    }

    /// Adds an entry to the row being built.
    #[inline]
    pub(super) fn push(&mut self, uid: u16, value: Q) {
        self.uids.push(uid);
        self.values.push(value);
    }

    /// Ends the row being built and begins the next.
    pub(super) fn end_row(&mut self) {
        self.ends.push(self.values.len());
    }

    /// Divides the row being built by its sum, then ends it.
    pub(super) fn end_row_normalised(&mut self) {
        let start = self.ends.last().copied().unwrap_or(0);
        if let Some(row) = self.values.get_mut(start..) {
            normalise(row);
        }
        self.end_row();
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let (mut uids, mut values) = (self.uids.as_slice(), self.values.as_slice());
        let mut start = 0_usize;
        self.ends.iter().map(move |end| {
            let length = end.saturating_sub(start);
            start = *end;
            let (row_uids, rest) = uids.split_at_checked(length).unwrap_or_default();
            uids = rest;
            let (row_values, rest) = values.split_at_checked(length).unwrap_or_default();
            values = rest;
            Row { uids: row_uids, values: row_values }
        })
    }

    /// Calls `visit` with each row in turn, whose values it may change.
    pub(super) fn for_each_row(&mut self, mut visit: impl FnMut(&[u16], &mut [Q])) {
        let (mut uids, mut values) = (self.uids.as_slice(), self.values.as_mut_slice());
        let mut start = 0_usize;
        for end in &self.ends {
            let length = end.saturating_sub(start);
            start = *end;
            let (row_uids, rest) = uids.split_at_checked(length).unwrap_or_default();
            uids = rest;
            let (row_values, rest) = values.split_at_mut_checked(length).unwrap_or_default();
            values = rest;
            visit(row_uids, row_values);
        }
    }

    /// Replaces every value by `change(uid, value)` and removes the entries where that is `None`.
    pub(super) fn filter_map(&mut self, change: impl Fn(u16, Q) -> Option<Q>) {
        // No value is negative, so this one marks what to remove.
        const REMOVED: Q = Q::from_raw(-1);
        let mut removed = false;
        for (uid, value) in self.uids.iter().zip(&mut self.values) {
            *value = change(*uid, *value).unwrap_or(REMOVED);
            removed |= *value == REMOVED;
        }
        if !removed {
            return;
        }
        let lengths: Vec<usize> = self
            .rows()
            .map(|row| row.values.iter().filter(|value| **value != REMOVED).count())
            .collect();
        let mut end = 0_usize;
        for (row_end, length) in self.ends.iter_mut().zip(lengths) {
            end = end.saturating_add(length);
            *row_end = end;
        }
        let mut values = self.values.iter();
        self.uids.retain(|_| values.next() != Some(&REMOVED));
        self.values.retain(|value| *value != REMOVED);
    }

    /// The same rows with their entries in ascending order of uid.
    pub(super) fn into_sorted(self) -> Self {
        if self.rows().all(|row| row.uids.is_sorted()) {
            return self;
        }
        let mut sorted = Self::with_capacity_of(&self);
        let mut scratch = Vec::new();
        for row in self.rows() {
            scratch.clear();
            scratch.extend(row.entries());
            scratch.sort_unstable_by_key(|(uid, _)| *uid);
            for (uid, value) in &scratch {
                sorted.push(*uid, *value);
            }
            sorted.end_row();
        }
        sorted
    }
}

/// The sum of each column, gathered while its matrix is made.
#[derive(Debug)]
pub(super) struct ColumnSums(Vec<Q>);

impl ColumnSums {
    pub(super) fn new(n: usize) -> Self {
        Self(vec![Q::ZERO; n])
    }

    /// Adds a value, which must not be negative. A sum that is too large stays at [`Q::MAX`].
    #[inline]
    pub(super) fn add(&mut self, uid: u16, value: Q) {
        if let Some(sum) = self.0.get_mut(usize::from(uid)) {
            *sum = sum.add(value);
        }
    }

    /// The first column whose sum was too large.
    pub(super) fn overflow(&self) -> Option<u16> {
        (0..=u16::MAX).zip(&self.0).find_map(|(uid, sum)| (*sum == Q::MAX).then_some(uid))
    }

    pub(super) fn divisors(&self) -> impl Iterator<Item = Divisor> {
        self.0.iter().map(|sum| Divisor::new(*sum))
    }
}

/// Divides values by something that belongs to their column.
#[derive(Debug)]
pub(super) struct ColumnDivisors(Vec<Divisor>);

impl ColumnDivisors {
    /// The value divided by the divisor of its column, or as it is if that is zero.
    #[inline]
    pub(super) fn divide(&self, uid: u16, value: Q) -> Q {
        self.0.get(usize::from(uid)).map_or(value, |divisor| divisor.divide(value))
    }
}

impl FromIterator<Divisor> for ColumnDivisors {
    fn from_iter<I: IntoIterator<Item = Divisor>>(divisors: I) -> Self {
        Self(divisors.into_iter().collect())
    }
}

/// Keys stored by column, for one pass that needs all of a column at a time.
#[derive(Debug)]
pub(super) struct Columns {
    keys: Vec<u64>,
    lengths: Vec<usize>,
}

impl Columns {
    /// Groups `(column, key)` pairs by column, keeping their order within each.
    ///
    /// `entries` is called twice, to count and to place, and must yield the same pairs both times.
    pub(super) fn group<I: Iterator<Item = (u16, u64)>>(n: usize, entries: impl Fn() -> I) -> Self {
        let mut lengths = vec![0_usize; n];
        // `for_each` runs nested iterators as nested loops, which `for` does not.
        entries().for_each(|(column, _)| {
            if let Some(length) = lengths.get_mut(usize::from(column)) {
                *length = length.saturating_add(1);
            }
        });
        let mut free = Vec::with_capacity(n);
        let mut entry_count = 0_usize;
        for length in &lengths {
            free.push(entry_count);
            entry_count = entry_count.saturating_add(*length);
        }
        let mut keys = vec![0_u64; entry_count];
        entries().for_each(|(column, key)| {
            if let Some(place) = free.get_mut(usize::from(column)) {
                if let Some(slot) = keys.get_mut(*place) {
                    *slot = key;
                }
                *place = place.saturating_add(1);
            }
        });
        Self { keys, lengths }
    }

    /// Calls `visit` with the keys of each column in turn, which it may reorder.
    pub(super) fn for_each(&mut self, mut visit: impl FnMut(&mut [u64])) {
        let mut rest = self.keys.as_mut_slice();
        for length in &self.lengths {
            let (column, tail) = rest.split_at_mut_checked(*length).unwrap_or_default();
            visit(column);
            rest = tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[(u16, i64)]]) -> Rows {
        let mut matrix = Rows::default();
        for row in rows {
            for (uid, raw) in *row {
                matrix.push(*uid, Q::from_raw(*raw));
            }
            matrix.end_row();
        }
        matrix
    }

    fn entries(matrix: &Rows) -> Vec<Vec<(u16, i64)>> {
        let row = |row: Row<'_>| row.entries().map(|(uid, value)| (uid, value.raw())).collect();
        matrix.rows().map(row).collect()
    }

    #[test]
    fn rows_come_back_as_they_were_pushed() {
        let matrix = rows(&[&[], &[(2, 5), (0, 0)], &[], &[(1, 7)], &[]]);
        assert_eq!(entries(&matrix), [vec![], vec![(2, 5), (0, 0)], vec![], vec![(1, 7)], vec![]],);
    }

    #[test]
    fn sorting_orders_each_row_and_keeps_zeros() {
        let matrix = rows(&[&[(2, 5), (0, 0)], &[(1, 7)]]).into_sorted();
        assert_eq!(entries(&matrix), [vec![(0, 0), (2, 5)], vec![(1, 7)]]);
    }

    #[test]
    fn columns_with_a_zero_sum_stay_as_they_are() {
        let mut sums = ColumnSums::new(3);
        for (uid, raw) in [(0, 3), (0, 1), (1, 0), (7, 5)] {
            sums.add(uid, Q::from_raw(raw));
        }
        let by: ColumnDivisors = sums.divisors().collect();
        let divided = |uid, raw| by.divide(uid, Q::from_raw(raw)).raw();
        assert_eq!((divided(0, 3), divided(1, 9), divided(2, 0)), (3 << 30, 9, 0));
    }

    #[test]
    fn a_column_that_leaves_the_number_format_is_named() {
        let mut sums = ColumnSums::new(2);
        sums.add(0, Q::from_raw(i64::MAX - 1));
        sums.add(1, Q::from_raw(i64::MAX - 1));
        assert_eq!(sums.overflow(), None);
        sums.add(1, Q::from_raw(1));
        assert_eq!(sums.overflow(), Some(1));
    }

    #[test]
    fn filtering_changes_values_and_closes_gaps() {
        let mut matrix = rows(&[&[(2, 5), (0, 0)], &[], &[(1, 7)], &[(0, 1), (1, 2), (2, 3)]]);
        matrix.filter_map(|uid, value| (uid != 1).then(|| value.add(value)));
        assert_eq!(entries(&matrix), [vec![(2, 10), (0, 0)], vec![], vec![], vec![(0, 2), (2, 6)]]);
        matrix.filter_map(|_, value| Some(value));
        assert_eq!(matrix.entry_count(), 4);
    }

    #[test]
    fn rows_are_changed_one_by_one() {
        let mut matrix = rows(&[&[(2, 5)], &[], &[(1, 7), (0, 8)]]);
        let mut lengths = Vec::new();
        matrix.for_each_row(|uids, values| {
            lengths.push(uids.len());
            values.iter_mut().for_each(|value| *value = value.add(Q::from_raw(1)));
        });
        assert_eq!(lengths, [1, 0, 2]);
        assert_eq!(entries(&matrix), [vec![(2, 6)], vec![], vec![(1, 8), (0, 9)]]);
    }

    #[test]
    fn grouping_keeps_the_order_within_a_column() {
        let pairs = [(2, 9), (0, 5), (2, 1), (2, 4)];
        let mut columns = Columns::group(4, || pairs.into_iter());
        let mut seen = Vec::new();
        columns.for_each(|keys| seen.push(keys.to_vec()));
        assert_eq!(seen, [vec![5], vec![], vec![9, 1, 4], vec![]]);
    }
}
