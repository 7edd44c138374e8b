//! Randomness that need not be secret.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// 64 bits from the standard library's source of hash keys.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
