//! A time zone as data: the instants at which its offset changes.
