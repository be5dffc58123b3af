//! The orders that the pipelines work on: about 190 bytes of JSON, keyed by one of 5,000 users, amounts in cents
//! up to 1,000, so that half of them are above 500. The same seed gives the same orders.

/// Users that orders are keyed by.
pub const USERS: u64 = 5_000;

/// Makes orders.
pub struct Orders {
    random: fastrand::Rng,
    next: u64,
    base_ms: i64,
}

/// One order.
pub struct Order {
    /// 0, 1, 2, …
    pub id: u64,
    /// `user-17`.
    pub user: String,
    /// Amount in cents.
    pub cents: u64,
    /// Its JSON.
    pub json: String,
}

impl Orders {
    /// Orders from `seed` on, a millisecond of event time apart from `base_ms` on.
    pub fn new(seed: u64, base_ms: i64) -> Self {
        Orders { random: fastrand::Rng::with_seed(seed), next: 0, base_ms }
    }
}

impl Iterator for Orders {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        const COUNTRIES: [&str; 6] = ["DE", "FR", "ES", "IT", "PL", "US"];
        const CHANNELS: [&str; 3] = ["web", "app", "shop"];
        let id = self.next;
        self.next += 1;
        let user = format!("user-{}", self.random.u64(0..USERS));
        let cents = 1 + self.random.u64(0..100_000);
        let json = format!(
            "{{\"id\":{id},\"user\":\"{user}\",\"amount\":{}.{:02},\"merchant\":\"shop number {}\",\
             \"country\":\"{}\",\"channel\":\"{}\",\"ts\":{},\
             \"note\":\"lorem ipsum dolor sit amet consectetur adipisci\"}}",
            cents / 100,
            cents % 100,
            self.random.u32(0..1000),
            COUNTRIES[self.random.usize(0..6)],
            CHANNELS[self.random.usize(0..3)],
            self.base_ms + id as i64,
        );
        Some(Order { id, user, cents, json })
    }
}
