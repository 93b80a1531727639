//! A second opinion on the epoch: the specification written down as plainly as possible.
//!
//! Dense n x n arrays, one product or quotient at a time in 128 bits, the pivot search and the
//! cursor exactly as stated. It shares no code with the crate beyond the types it takes and gives,
//! and it is no faster than it looks. The tests and the benchmark compare the two.
#![allow(clippy::needless_range_loop, reason = "the indices are those of the specification")]

use ganglion_consensus::yuma::{EpochInput, EpochOutput, SparseRow, YumaError};

const ONE: i128 = 1 << 32;

fn saturate(x: i128) -> i128 {
    x.clamp(i64::MIN.into(), i64::MAX.into())
}

/// Shifting an integer to the right rounds toward minus infinity.
fn mul(a: i128, b: i128) -> i128 {
    saturate((a * b) >> 32)
}

/// Integer division rounds toward zero.
fn div(a: i128, b: i128) -> i128 {
    let quotient = if b == 0 { 0 } else { (a << 32) / b };
    if quotient == saturate(quotient) { quotient } else { 0 }
}

fn proportion(x: u16) -> i128 {
    div(i128::from(x) << 32, 65_535 << 32)
}

fn to_u16(x: i128) -> u16 {
    u16::try_from(((x * 65_535) >> 32).clamp(0, 65_535)).unwrap()
}

fn sum(values: impl IntoIterator<Item = i128>) -> i128 {
    let mut sum = 0;
    for value in values {
        sum += value;
    }
    sum
}

fn normalise(values: &mut [i128]) {
    let sum = sum(values.iter().copied());
    if sum != 0 {
        values.iter_mut().for_each(|value| *value = div(*value, sum));
    }
}

fn exp(z: i128) -> i128 {
    let z = z.clamp(-20 * ONE, 20 * ONE);
    if z == 0 {
        return ONE;
    }
    if z == ONE {
        return 11_674_931_200;
    }
    let a = z.abs();
    let mut result = ONE + a;
    let mut term = a;
    for i in 2..=31 {
        term = mul(term, a) / i;
        result += term;
    }
    if z < 0 { (1 << 64) / result } else { result }
}

/// A matrix with a value for every pair, zero where there is no entry, and for each row the uids
/// that do have an entry, in stored order.
#[derive(Clone)]
struct Matrix {
    value: Vec<Vec<i64>>,
    order: Vec<Vec<usize>>,
}

impl Matrix {
    fn new(n: usize) -> Self {
        Self { value: vec![vec![0; n]; n], order: vec![Vec::new(); n] }
    }

    fn n(&self) -> usize {
        self.value.len()
    }

    fn at(&self, i: usize, j: usize) -> i128 {
        self.value[i][j].into()
    }

    fn set(&mut self, i: usize, j: usize, value: i128) {
        self.value[i][j] = i64::try_from(saturate(value)).unwrap();
    }

    fn add_entry(&mut self, i: usize, j: usize, value: i128) {
        self.set(i, j, value);
        self.order[i].push(j);
    }

    fn column_sum(&self, j: usize) -> i128 {
        sum((0..self.n()).map(|i| self.at(i, j)))
    }

    fn divide_column(&mut self, j: usize, by: i128) {
        if by != 0 {
            for i in 0..self.n() {
                self.set(i, j, div(self.at(i, j), by));
            }
        }
    }

    fn normalise_columns(&mut self) {
        for j in 0..self.n() {
            self.divide_column(j, self.column_sum(j));
        }
    }
}

fn check(input: &EpochInput<'_>) -> Result<(), YumaError> {
    let n = input.n;
    for (field, length) in [
        ("last_update", input.last_update.len()),
        ("block_at_registration", input.block_at_registration.len()),
        ("stake", input.stake.len()),
        ("stake_frac", input.stake_frac.map_or(n.into(), <[u64]>::len)),
        ("validator_permit", input.validator_permit.len()),
        ("weights", input.weights.len()),
        ("bonds", input.bonds.len()),
        ("commit_blocks", input.commit_blocks.map_or(n.into(), <[u64]>::len)),
    ] {
        if length != usize::from(n) {
            return Err(YumaError::Length { field, length, n });
        }
    }
    let bma = input.parameters.bonds_moving_average;
    if u128::from(bma) >= 2_147_483_648 * 1_000_000 {
        return Err(YumaError::BondsMovingAverage(bma));
    }
    for (field, rows) in [("weights", input.weights), ("bonds", input.bonds)] {
        for (row, entries) in (0_u16..).zip(rows) {
            let mut uids: Vec<u16> = entries.iter().map(|(uid, _)| *uid).collect();
            uids.retain(|uid| *uid < n);
            uids.sort();
            if let Some(pair) = uids.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(YumaError::DuplicateUid { field, row, uid: pair[0] });
            }
        }
    }
    Ok(())
}

fn stake(input: &EpochInput<'_>) -> Result<Vec<i128>, YumaError> {
    let mut weight = Vec::new();
    for i in 0..usize::from(input.n) {
        let fraction = input.stake_frac.map_or(0, |fractions| fractions[i]);
        let t = (u128::from(input.stake[i]) << 64) + u128::from(fraction);
        let t = t.min((1 << 127) - 1);
        let below = t >> 64 < u128::from(input.parameters.stake_threshold);
        weight.push(if below && input.owner_uid.map(usize::from) != Some(i) { 0 } else { t });
    }
    let mut total = 0_u128;
    for t in &weight {
        total = total.checked_add(*t).filter(|t| *t < 1 << 127).ok_or(YumaError::StakeOverflow)?;
    }
    // The quotient has 33 bits: find it from the top, so that nothing needs more than 128.
    let share = |t: u128| {
        let (mut quotient, mut rest) = (t / total, t % total);
        for _ in 0..32 {
            quotient = 2 * quotient + (2 * rest) / total;
            rest = (2 * rest) % total;
        }
        i128::try_from(quotient).unwrap()
    };
    Ok(weight.into_iter().map(|t| if total == 0 { 0 } else { share(t) }).collect())
}

fn new_permits(input: &EpochInput<'_>, stake: &[i128]) -> Vec<bool> {
    let mut permits: Vec<bool> = stake.iter().map(|stake| *stake != 0).collect();
    let (n, k) = (usize::from(input.n), usize::from(input.parameters.max_allowed_validators));
    if n >= k {
        let mut uids: Vec<usize> = (0..n).collect();
        uids.sort_by_key(|uid| stake[*uid]);
        uids[..n - k].iter().for_each(|uid| permits[*uid] = false);
    }
    if let Some(owner) = input.owner_uid.map(usize::from).filter(|owner| *owner < n) {
        permits[owner] = true;
    }
    permits
}

fn weights(input: &EpochInput<'_>) -> Matrix {
    let n = usize::from(input.n);
    let mut weights = Matrix::new(n);
    for i in 0..n {
        let owner = input.owner_uid.map(usize::from) == Some(i);
        if !input.validator_permit[i] && !owner {
            continue;
        }
        for (j, weight) in &input.weights[i] {
            let j = usize::from(*j);
            if j >= n || (j == i && !owner) {
                continue;
            }
            if input.last_update[i] <= input.block_at_registration[j] {
                continue;
            }
            if input.commit_blocks.is_some_and(|blocks| blocks[i] < input.block_at_registration[j])
            {
                continue;
            }
            weights.add_entry(i, j, (*weight).into());
        }
        let total = sum((0..n).map(|j| weights.at(i, j)));
        if total > 0 {
            (0..n).for_each(|j| weights.set(i, j, (weights.at(i, j) << 32) / total));
        }
    }
    weights
}

/// The pivot search over `(score, stake)` pairs in uid order.
fn median(mut partition: Vec<(i128, i128)>, threshold: i128, sigma: i128) -> i128 {
    let (mut low, mut high) = (0, sigma);
    loop {
        match partition.as_slice() {
            [] => return 0,
            [(score, _)] => return *score,
            _ => {}
        }
        let pivot = partition[partition.len() / 2].0;
        let under: Vec<_> = partition.iter().copied().filter(|(score, _)| *score < pivot).collect();
        let over: Vec<_> = partition.iter().copied().filter(|(score, _)| *score > pivot).collect();
        let under_stake = sum(under.iter().map(|(_, stake)| *stake));
        let over_stake = sum(over.iter().map(|(_, stake)| *stake));
        if threshold < low + under_stake && !under.is_empty() {
            high = low + under_stake;
            partition = under;
        } else if high - over_stake <= threshold && !over.is_empty() {
            low = high - over_stake;
            partition = over;
        } else {
            return pivot;
        }
    }
}

fn consensus(weights: &Matrix, active_stake: &[i128], kappa: u16) -> Vec<i128> {
    let voters: Vec<usize> = (0..weights.n()).filter(|i| active_stake[*i] > 0).collect();
    let mut stake: Vec<i128> = voters.iter().map(|i| active_stake[*i]).collect();
    normalise(&mut stake);
    let sigma = sum(stake.iter().copied());
    let column = |j: usize| {
        let scores = voters.iter().map(|i| weights.at(*i, j)).zip(stake.iter().copied()).collect();
        median(scores, sigma - proportion(kappa), sigma)
    };
    (0..weights.n()).map(column).collect()
}

fn clip(weights: &Matrix, consensus: &[i128]) -> Matrix {
    let mut clipped = Matrix::new(weights.n());
    for i in 0..weights.n() {
        for j in weights.order[i].iter().copied() {
            let weight = weights.at(i, j);
            if consensus[j] >= weight {
                clipped.add_entry(i, j, weight);
            } else if consensus[j] > 0 {
                clipped.add_entry(i, j, consensus[j]);
            }
        }
    }
    clipped
}

fn bond_weights(weights: &Matrix, clipped: &Matrix, penalty: u16) -> Matrix {
    match penalty {
        0 => return weights.clone(),
        65_535 => return clipped.clone(),
        _ => {}
    }
    let n = weights.n();
    let mut between = Matrix::new(n);
    for i in 0..n {
        for j in 0..n {
            let (weight, clipped) = (weights.at(i, j), clipped.at(i, j));
            let x = weight + mul(proportion(penalty), clipped - weight);
            if x > 0 {
                between.add_entry(i, j, x);
            }
        }
    }
    between
}

fn prior_bonds(input: &EpochInput<'_>, convert: impl Fn(u16) -> i128) -> Matrix {
    let n = usize::from(input.n);
    let last = if input.last_mechanism_step_block == 0 {
        input.current_block.saturating_sub(input.parameters.tempo.into())
    } else {
        input.last_mechanism_step_block.saturating_add(1)
    };
    let mut bonds = Matrix::new(n);
    for i in 0..n {
        for (j, stored) in &input.bonds[i] {
            let j = usize::from(*j);
            if j < n && last > input.block_at_registration[j] {
                bonds.add_entry(i, j, convert(*stored));
            }
        }
    }
    bonds
}

fn moving_average(input: &EpochInput<'_>, new: &Matrix, old: &Matrix) -> Matrix {
    let n = new.n();
    let bma = i128::from(input.parameters.bonds_moving_average);
    let alpha = ONE - (bma << 32) / 1_000_000;
    let mut bonds = Matrix::new(n);
    for i in 0..n {
        for j in 0..n {
            let x = mul(alpha, new.at(i, j)) + mul(ONE - alpha, old.at(i, j));
            if x > 0 {
                bonds.add_entry(i, j, saturate(x));
            }
        }
    }
    bonds
}

/// What a search that only moves forward finds for every uid.
fn cursor_view(matrix: &Matrix, i: usize) -> Vec<i128> {
    let order = &matrix.order[i];
    let mut cursor = 0;
    let look_up = |j: usize| {
        while cursor < order.len() && order[cursor] < j {
            cursor += 1;
        }
        if order.get(cursor) == Some(&j) { matrix.at(i, j) } else { 0 }
    };
    (0..matrix.n()).map(look_up).collect()
}

fn liquid_bonds(input: &EpochInput<'_>, new: &Matrix, old: &Matrix, consensus: &[i128]) -> Matrix {
    let low = proportion(input.parameters.alpha_low);
    let high = proportion(input.parameters.alpha_high);
    let gradient = (i128::from(input.parameters.alpha_sigmoid_steepness) << 32) / -100;
    let mut bonds = Matrix::new(new.n());
    for i in 0..new.n() {
        let (w, b) = (cursor_view(new, i), cursor_view(old, i));
        for j in new.order[i].iter().copied() {
            let distance = if w[j] >= b[j] { w[j] - consensus[j] } else { b[j] - w[j] };
            let power = exp(mul(gradient, distance.clamp(0, ONE) - ONE / 2));
            let sigmoid = div(ONE, ONE + power);
            let alpha = (low + mul(sigmoid, high - low)).min(high).max(low);
            let gained = mul(alpha, new.at(i, j)).max(0);
            let x = (mul(ONE - alpha, old.at(i, j)) + gained).min(ONE);
            if x > 0 {
                bonds.add_entry(i, j, x);
            }
        }
    }
    bonds
}

fn refuse_overflow(bonds: &Matrix) -> Result<(), YumaError> {
    match (0..bonds.n()).find(|j| bonds.column_sum(*j) >= i64::MAX.into()) {
        Some(j) => Err(YumaError::BondsOverflow { uid: u16::try_from(j).unwrap() }),
        None => Ok(()),
    }
}

/// Stored bonds and dividends.
fn bonds_and_dividends(
    input: &EpochInput<'_>,
    weights: &Matrix,
    active_stake: &[i128],
    consensus: &[i128],
    incentive: &[i128],
) -> Result<(Matrix, Vec<i128>), YumaError> {
    let n = usize::from(input.n);
    let mut dividends = Vec::new();
    let stored;
    if input.parameters.yuma3 {
        let old = prior_bonds(input, proportion);
        let liquid = input.parameters.liquid_alpha && consensus.iter().any(|c| *c != 0);
        stored = if liquid {
            liquid_bonds(input, weights, &old, consensus)
        } else {
            moving_average(input, weights, &old)
        };
        refuse_overflow(&stored)?;
        let mut shares = stored.clone();
        shares.normalise_columns();
        for i in 0..n {
            let earned = sum((0..n).map(|j| mul(shares.at(i, j), incentive[j])));
            dividends.push(mul(earned, active_stake[i]));
        }
    } else {
        let mut old = prior_bonds(input, |x| i128::from(x) << 32);
        old.normalise_columns();
        let mut delta = Matrix::new(n);
        for i in 0..n {
            for j in weights.order[i].iter().copied() {
                delta.add_entry(i, j, mul(weights.at(i, j), active_stake[i]));
            }
        }
        delta.normalise_columns();
        let mut bonds = moving_average(input, &delta, &old);
        refuse_overflow(&bonds)?;
        bonds.normalise_columns();
        for i in 0..n {
            dividends.push(sum((0..n).map(|j| mul(incentive[j], bonds.at(i, j)))));
        }
        for j in 0..n {
            let maximum = (0..n).map(|i| bonds.at(i, j)).max().unwrap_or(0);
            bonds.divide_column(j, maximum);
        }
        stored = bonds;
    }
    normalise(&mut dividends);
    Ok((stored, dividends))
}

/// One epoch, as the specification states it.
pub(crate) fn run(input: &EpochInput<'_>) -> Result<EpochOutput, YumaError> {
    check(input)?;
    let n = usize::from(input.n);
    let stake = stake(input)?;
    let cutoff = input.parameters.activity_cutoff;
    let active: Vec<bool> = (0..n)
        .map(|i| input.last_update[i].saturating_add(cutoff) >= input.current_block)
        .collect();
    let permits = new_permits(input, &stake);

    let voting = |i: usize| {
        active[i] && (input.validator_permit[i] || input.owner_uid.map(usize::from) == Some(i))
    };
    let mut active_stake: Vec<i128> =
        (0..n).map(|i| if voting(i) { stake[i] } else { 0 }).collect();
    normalise(&mut active_stake);

    let weights = weights(input);
    let consensus = consensus(&weights, &active_stake, input.parameters.kappa);
    let clipped = clip(&weights, &consensus);
    let trust: Vec<i128> = (0..n).map(|i| sum((0..n).map(|j| clipped.at(i, j)))).collect();
    let mut incentive: Vec<i128> =
        (0..n).map(|j| sum((0..n).map(|i| mul(active_stake[i], clipped.at(i, j))))).collect();
    normalise(&mut incentive);

    let bond_weights = bond_weights(&weights, &clipped, input.parameters.bonds_penalty);
    let (bonds, dividends) =
        bonds_and_dividends(input, &bond_weights, &active_stake, &consensus, &incentive)?;

    let combined: Vec<i128> = (0..n).map(|i| incentive[i] + dividends[i]).collect();
    let total = sum(combined.iter().copied());
    let fallback =
        if active_stake.iter().any(|a| *a != 0) { active_stake.clone() } else { stake.clone() };
    let share = |of: &[i128], otherwise: &[i128]| -> Vec<u64> {
        let shares = (0..n).map(|i| if total != 0 { div(of[i], total) } else { otherwise[i] });
        let amounts = shares.map(|share| (share * i128::from(input.rao_emission)) >> 32);
        amounts.map(|amount| u64::try_from(amount).unwrap_or(u64::MAX)).collect()
    };
    let row = |i: usize| -> SparseRow {
        let entries = bonds.order[i].iter().filter(|_| permits[i]);
        entries.map(|j| (u16::try_from(*j).unwrap(), to_u16(bonds.at(i, *j)))).collect()
    };
    let raw = |values: &[i128]| values.iter().map(|x| i64::try_from(*x).unwrap()).collect();
    let short = |values: &[i128]| values.iter().map(|x| to_u16(*x)).collect();
    Ok(EpochOutput {
        consensus: short(&consensus),
        incentive: short(&incentive),
        dividends: short(&dividends),
        validator_trust: short(&trust),
        stake_weight: short(&stake),
        server_emission: share(&incentive, &incentive),
        validator_emission: share(&dividends, &fallback),
        emission: share(&combined, &fallback),
        bonds: (0..n).map(row).collect(),
        raw_consensus: raw(&consensus),
        raw_incentive: raw(&incentive),
        raw_dividends: raw(&dividends),
        raw_validator_share: raw(if total != 0 { &dividends } else { &fallback }),
        new_validator_permit: permits,
        active,
    })
}
