//! Windows by the clocks of real zones: worked clock times, and what must hold in every zone.

mod everywhere;
mod reference;
mod worked;
