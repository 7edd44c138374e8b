//! A sketch of who spends most: bounded, however many clients there are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use timebudget::AccountId;

/// The largest spenders of a rule, by the space-saving algorithm (Metwally, Agrawal, El Abbadi: *Efficient computation of
/// frequent and top-k elements in data streams*, 2005), weighted by cost.
///
/// It keeps so many clients. A newcomer to a full sketch takes the place of whoever has spent least, and with it that
/// client's weight, as what it *may* have spent before it was seen. So nobody is missed who has spent more than the total
/// divided by the capacity, and what is told of a client is never more than it has spent.
///
/// The same spending in the same order makes the same sketch.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    capacity: usize,
    /// A heap: no client has less weight than the one above it, at `(position - 1) / 2`.
    heap: Vec<Client>,
    /// Where in the heap a client stands.
    positions: HashMap<AccountId, u32>,
    total: Spending,
}

/// What a client has spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spending {
    /// In the unit that the rule is about: microseconds, or requests.
    pub(crate) cost: u64,
    /// Requests that were served.
    pub(crate) requests: u64,
    /// The time that they took.
    pub(crate) micros: u64,
    /// Requests that were refused.
    pub(crate) refused: u64,
}

/// A client of whom a sketch knows.
#[derive(Clone, Copy, Debug)]
struct Client {
    id: AccountId,
    /// What it has spent at most: what was seen of it, and the weight of whoever had its place before.
    weight: u64,
    seen: Spending,
    /// How much of what was seen has been written down.
    written: Spending,
}

impl Sketch {
    /// How many clients a sketch keeps: with so many the ten largest of a million clients are found with what they have
    /// spent, also where they come last.
    ///
    /// A client takes about 130 bytes, so a full sketch takes half a megabyte.
    pub(crate) const CAPACITY: usize = 4_096;

    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            heap: Vec::new(),
            positions: HashMap::new(),
            total: Spending::default(),
        }
    }

    /// How many clients it knows.
    pub(crate) const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Adds what a client has spent. Whoever has spent nothing displaces nobody.
    #[cfg(test)]
    pub(crate) fn add(&mut self, id: AccountId, spending: Spending) {
        self.add_where(id, spending, true);
    }

    /// The same, where there may be no room for one more client beside those that it knows.
    pub(crate) fn add_where(&mut self, id: AccountId, spending: Spending, has_room: bool) {
        self.total += spending;
        match self.positions.entry(id) {
            Entry::Occupied(position) => {
                let at = *position.get() as usize;
                self.heap[at].add(spending);
                self.sink(at);
            }
            Entry::Vacant(position) if has_room && self.heap.len() < self.capacity => {
                position.insert(self.heap.len() as u32);
                self.heap.push(Client::new(id, 0, spending));
                self.rise(self.heap.len() - 1);
            }
            Entry::Vacant(position) if spending.cost > 0 && !self.heap.is_empty() => {
                position.insert(0);
                let least = self.heap[0];
                self.positions.remove(&least.id);
                self.heap[0] = Client::new(id, least.weight, spending);
                self.sink(0);
            }
            Entry::Vacant(_) => {}
        }
    }

    /// Those who have spent most, the largest first; of equal ones whoever has the smaller id.
    pub(crate) fn largest(&self, most: usize) -> Vec<(AccountId, Spending)> {
        let mut all: Vec<_> = self.heap.iter().map(|client| (client.id, client.seen)).collect();
        all.sort_by_cached_key(|(id, seen)| (u64::MAX - seen.cost, u64::MAX - seen.refused, id.to_string()));
        all.truncate(most);
        all
    }

    /// What all clients have spent.
    #[cfg(test)]
    pub(crate) const fn total(&self) -> Spending {
        self.total
    }

    /// What the largest spenders have spent since it was asked last, and what all others have.
    ///
    /// Nothing is told twice and nothing is left out: the sum of what was told is what all have spent.
    pub(crate) fn take_news(&mut self, most: usize) -> (Vec<(AccountId, Spending)>, Spending) {
        let mut others = std::mem::take(&mut self.total);
        let largest = self.largest(most);
        let mut news = Vec::new();
        for (id, seen) in largest {
            let Some(at) = self.positions.get(&id) else { continue };
            let client = &mut self.heap[*at as usize];
            let unwritten = seen - client.written;
            if unwritten != Spending::default() {
                // What was counted among the others before it was among the largest is not told again.
                let told = unwritten.at_most(others);
                others = others - told;
                client.written = seen;
                news.push((id, told));
            }
        }
        for client in &mut self.heap {
            client.written = client.seen;
        }
        (news, others)
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut least = at;
            for child in [left, right] {
                if child < self.heap.len() && self.heap[child].weight < self.heap[least].weight {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.heap[at].weight < self.heap[(at - 1) / 2].weight {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for at in [one, other] {
            self.positions.insert(self.heap[at].id, at as u32);
        }
    }
}

impl Client {
    const fn new(id: AccountId, before: u64, spending: Spending) -> Self {
        let written = Spending { cost: 0, requests: 0, micros: 0, refused: 0 };
        Self { id, weight: before.saturating_add(spending.cost), seen: spending, written }
    }

    fn add(&mut self, spending: Spending) {
        self.weight = self.weight.saturating_add(spending.cost);
        self.seen += spending;
    }
}

impl Spending {
    fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cost: of(self.cost, other.cost),
            requests: of(self.requests, other.requests),
            micros: of(self.micros, other.micros),
            refused: of(self.refused, other.refused),
        }
    }

    fn at_most(self, other: Self) -> Self {
        self.with(other, u64::min)
    }
}

impl std::ops::AddAssign for Spending {
    fn add_assign(&mut self, other: Self) {
        *self = self.with(other, u64::saturating_add);
    }
}

impl std::ops::Sub for Spending {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, u64::saturating_sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u64) -> AccountId {
        // An id is a hash: numbers that follow each other lie far apart.
        let hash = |salt: u64| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ salt).rotate_left(29);
        format!("{:016x}{:016x}", hash(0), hash(0xabcd)).parse().expect("32 hexadecimal digits")
    }

    fn cost(cost: u64) -> Spending {
        Spending { cost, requests: 1, micros: cost, refused: 0 }
    }

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn unit(&mut self) -> f64 {
            (self.next() >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// Requests of a million clients: how often each asks is Zipf's law with the exponent 1.1, and what a request costs is
    /// the client's own mean, from 1 to 16 ms, times a random factor.
    fn million_clients(requests: usize, seed: u64) -> Vec<(u64, u64)> {
        let mut cumulative = Vec::with_capacity(1_000_000);
        let mut sum = 0.0;
        for rank in 1..=1_000_000u32 {
            sum += f64::from(rank).powf(-1.1);
            cumulative.push(sum);
        }
        let mut random = Random(seed);
        let request = |_| {
            let wanted = random.unit() * sum;
            let rank = cumulative.partition_point(|before| *before < wanted) as u64;
            let mean = 1_000 << (rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60 & 3);
            (rank, mean / 2 + random.next() % mean)
        };
        (0..requests).map(request).collect()
    }

    fn true_ten(requests: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut costs = HashMap::new();
        requests.iter().for_each(|(client, cost)| *costs.entry(*client).or_insert(0) += cost);
        let mut costs: Vec<_> = costs.into_iter().collect();
        costs.sort_by_key(|(client, cost)| (u64::MAX - cost, *client));
        costs.truncate(10);
        costs
    }

    /// How far the sketch is off at most, as a part of what the client has spent, of the ten that have spent most.
    fn worst_of_ten(requests: &[(u64, u64)], truth: &[(u64, u64)]) -> f64 {
        let mut sketch = Sketch::new(Sketch::CAPACITY);
        requests.iter().for_each(|(number, micros)| sketch.add(client(*number), cost(*micros)));
        let found = sketch.largest(10);
        assert_eq!((found.len(), sketch.len()), (10, Sketch::CAPACITY));
        assert_eq!(sketch.total().cost, requests.iter().map(|(_, cost)| cost).sum::<u64>());
        let off = truth.iter().zip(&found).map(|((number, spent), (id, seen))| {
            assert_eq!(*id, client(*number), "the client {number}, who spent {spent}");
            spent.abs_diff(seen.cost) as f64 / *spent as f64
        });
        off.fold(0.0, f64::max)
    }

    #[test]
    fn the_true_ten_largest_of_a_million_clients_are_found_with_what_they_cost_in_any_order() {
        let mut requests = million_clients(1_000_000, 0x5eed);
        let truth = true_ten(&requests);
        let off = worst_of_ten(&requests, &truth);
        assert!(off <= 0.02, "{:.2} % off", off * 100.0);
        // The order that is worst for a sketch: when the largest come, it is full of those who come once.
        requests.sort_by_key(|(client, _)| truth.iter().any(|(large, _)| large == client));
        let off = worst_of_ten(&requests, &truth);
        assert!(off <= 0.02, "{:.2} % off", off * 100.0);
    }

    #[test]
    fn nothing_is_told_of_a_client_that_it_has_not_spent() {
        let mut sketch = Sketch::new(2);
        [(1, 10), (2, 20), (3, 5)]
            .into_iter()
            .for_each(|(number, micros)| sketch.add(client(number), cost(micros)));
        // The third took the place of the first, and none of what that has spent.
        assert_eq!(sketch.largest(9), [(client(2), cost(20)), (client(3), cost(5))]);
        sketch.add(client(4), cost(1));
        // Still by what each may have spent, 15 and 20: it was the third who had to go.
        assert_eq!(sketch.largest(9), [(client(2), cost(20)), (client(4), cost(1))]);
        assert_eq!(sketch.total(), Spending { cost: 36, requests: 4, micros: 36, refused: 0 });
    }

    #[test]
    fn whoever_is_refused_is_known_where_there_is_room_and_displaces_nobody() {
        let refusal = Spending { refused: 1, ..Spending::default() };
        let mut sketch = Sketch::new(2);
        sketch.add(client(1), cost(7));
        sketch.add(client(2), refusal);
        sketch.add(client(3), refusal);
        assert_eq!(sketch.largest(9), [(client(1), cost(7)), (client(2), refusal)]);
        assert_eq!(sketch.total().refused, 2);
    }

    #[test]
    fn what_is_told_as_news_is_told_once_and_sums_up_to_everything() {
        let mut sketch = Sketch::new(64);
        let mut random = Random(7);
        let (mut told, mut all) = (Spending::default(), Spending::default());
        for round in 0..200u64 {
            for _ in 0..50 {
                let spending = cost(1 + random.next() % 100);
                all += spending;
                sketch.add(client(random.next() % (10 + round)), spending);
            }
            let (news, others) = sketch.take_news(5);
            assert!(news.len() <= 5);
            news.into_iter().for_each(|(_, spending)| told += spending);
            told += others;
            assert_eq!(told, all, "in round {round}");
        }
        assert_eq!(sketch.take_news(5), (vec![], Spending::default()));
    }

    #[test]
    fn the_same_spending_in_the_same_order_makes_the_same_sketch() {
        let requests = million_clients(20_000, 3);
        let fill = || {
            let mut sketch = Sketch::new(100);
            requests.iter().for_each(|(number, micros)| sketch.add(client(*number), cost(*micros)));
            sketch.largest(100)
        };
        assert_eq!(fill(), fill());
    }
}
