//! What one request is charged of a limit that counts requests.

use crate::model::computed::Computed;
use crate::model::facts::Facts;

/// Requests that one request is charged; 0 is charged nothing, but is refused where one request would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Each request the same.
    Fixed(u64),
    /// What a closure says, of it at most [`Cost::MOST`].
    Computed(Computed<u64>),
}

impl Cost {
    /// The most that a request is charged, 2^53: what the largest quota grants.
    pub const MOST: u64 = 1 << 53;

    /// What a request is charged.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Computed;
    /// use timebudget::Cost;
    /// # use timebudget::Facts;
    /// # struct Request;
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// let endless = Cost::Computed(Computed::new(|_| u64::MAX));
    /// assert_eq!(endless.of(&Request), Cost::MOST);
    /// assert_eq!(Cost::from(2).of(&Request), 2);
    /// ```
    #[inline]
    pub fn of(&self, facts: &dyn Facts) -> u64 {
        match self {
            Self::Fixed(cost) => *cost,
            Self::Computed(computed) => Self::computed(computed, facts),
        }
    }

    #[cold]
    fn computed(computed: &Computed<u64>, facts: &dyn Facts) -> u64 {
        computed.of(facts).min(Self::MOST)
    }
}

impl From<u64> for Cost {
    fn from(cost: u64) -> Self {
        Self::Fixed(cost)
    }
}
