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

/// A matrix stored by row.
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

    /// Adds an entry to the row being built if its value is above zero.
    #[inline]
    pub(super) fn push_positive(&mut self, uid: u16, value: Q) {
        if value.is_positive() {
            self.push(uid, value);
        }
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

    /// Replaces every value by `change(uid, value)`.
    pub(super) fn map_values(&mut self, mut change: impl FnMut(u16, Q) -> Q) {
        for (uid, value) in self.uids.iter().zip(&mut self.values) {
            *value = change(*uid, *value);
        }
    }

    /// Multiplies each row by its factor, rounding down.
    pub(super) fn scale_rows(&mut self, factors: &[Q]) {
        let mut values = self.values.as_mut_slice();
        let mut start = 0_usize;
        for (end, factor) in self.ends.iter().zip(factors) {
            let length = end.saturating_sub(start);
            start = *end;
            let (row, rest) = values.split_at_mut_checked(length).unwrap_or_default();
            for value in row {
                *value = factor.mul(*value);
            }
            values = rest;
        }
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

    /// The sum of each of the `n` columns, saturated at [`Q::MAX`]; values must not be negative.
    pub(super) fn column_sums(&self, n: usize) -> Vec<Q> {
        let mut sums = vec![Q::ZERO; n];
        for (uid, value) in self.uids.iter().zip(&self.values) {
            if let Some(sum) = sums.get_mut(usize::from(*uid)) {
                *sum = sum.add(*value);
            }
        }
        sums
    }

    /// The largest value of each of the `n` columns, zero where a column has none above it.
    pub(super) fn column_maxima(&self, n: usize) -> Vec<Q> {
        let mut maxima = vec![Q::ZERO; n];
        for (uid, value) in self.uids.iter().zip(&self.values) {
            if let Some(maximum) = maxima.get_mut(usize::from(*uid)) {
                *maximum = (*maximum).max(*value);
            }
        }
        maxima
    }

    /// Divides each column by the divisor given for it; a zero leaves the column as it is.
    pub(super) fn divide_columns(&mut self, by: &[Q]) {
        let divisors: Vec<Divisor> = by.iter().map(|divisor| Divisor::new(*divisor)).collect();
        self.map_values(|uid, value| {
            divisors.get(usize::from(uid)).map_or(value, |divisor| divisor.divide(value))
        });
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
        for (column, _) in entries() {
            if let Some(length) = lengths.get_mut(usize::from(column)) {
                *length = length.saturating_add(1);
            }
        }
        let mut free = Vec::with_capacity(n);
        let mut entry_count = 0_usize;
        for length in &lengths {
            free.push(entry_count);
            entry_count = entry_count.saturating_add(*length);
        }
        let mut keys = vec![0_u64; entry_count];
        for (column, key) in entries() {
            if let Some(place) = free.get_mut(usize::from(column)) {
                if let Some(slot) = keys.get_mut(*place) {
                    *slot = key;
                }
                *place = place.saturating_add(1);
            }
        }
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
        let mut matrix = rows(&[&[(0, 3), (1, 0)], &[(0, 1)]]);
        let sums = matrix.column_sums(3);
        assert_eq!(sums.iter().map(|sum| sum.raw()).collect::<Vec<_>>(), [4, 0, 0]);
        matrix.divide_columns(&sums);
        assert_eq!(entries(&matrix), [vec![(0, 3 << 30), (1, 0)], vec![(0, 1 << 30)]]);
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
