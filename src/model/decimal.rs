//! Decimal numbers, exactly: from their text to whole units, never through a float.

use crate::model::units::Micros;

/// The largest whole number that comes out: 2^53, which every JSON reader holds exactly.
const MAX: u64 = Micros::MAX_QUOTA.0;

/// No whole number of a known unit has more digits behind the point.
///
/// The largest unit is 3,600,000,000 µs, which ten divides eight times and two ten times; so, once the zeros at the
/// end are gone, no product with it is whole beyond the tenth place.
const MAX_PLACES: i64 = 10;

/// Numbers with more digits before the point are larger than [`MAX`] in every unit.
const MAX_WHOLE_DIGITS: i64 = 18;

/// A decimal number as somebody wrote it: `digits × 10^exponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    exponent: i64,
}

/// Why a decimal number is no whole number of units from 0 to 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is below zero.
    Negative,
    /// It is not a whole number of the smallest unit.
    TooFine,
    /// It is above 2^53.
    TooLarge,
}

impl Decimal {
    /// The number that a text is; `None` if it is none.
    ///
    /// The grammar is JSON's (RFC 8259, section 6), except that zeros may lead, as they may in rate strings.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-');
        let (mantissa, power) = split_power(unsigned.unwrap_or(text))?;
        let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        if !is_digits(whole) || !is_digits(places) {
            return None;
        }
        let written = format!("{whole}{places}");
        let kept = written.trim_end_matches('0');
        let shift = length(&written) - length(kept) - length(places);
        Some(Self {
            negative: unsigned.is_some(),
            digits: kept.trim_start_matches('0').to_owned(),
            exponent: power.saturating_add(shift),
        })
    }

    /// The number times `unit`, exactly; zero may have a minus sign.
    ///
    /// # Errors
    ///
    /// [`Unfit`] unless the product is a whole number from 0 to 2^53.
    pub(crate) fn times(&self, unit: u64) -> Result<u64, Unfit> {
        match length(&self.digits).saturating_add(self.exponent) {
            _ if self.digits.is_empty() => Ok(0),
            _ if self.negative => Err(Unfit::Negative),
            whole_digits if whole_digits > MAX_WHOLE_DIGITS => Err(Unfit::TooLarge),
            _ if self.exponent < -MAX_PLACES => Err(Unfit::TooFine),
            _ => self.product(unit),
        }
    }

    /// The product, for at most 28 digits: with a unit of ten digits it fits a `u128`.
    fn product(&self, unit: u64) -> Result<u64, Unfit> {
        let digits: u128 = self.digits.parse().map_err(|_| Unfit::TooLarge)?;
        let power = 10_u128.pow(self.exponent.unsigned_abs() as u32);
        let (times, over) = if self.exponent < 0 { (1, power) } else { (power, 1) };
        let product = digits * u128::from(unit) * times;
        if !product.is_multiple_of(over) {
            return Err(Unfit::TooFine);
        }
        let whole = u64::try_from(product / over).map_err(|_| Unfit::TooLarge)?;
        if whole > MAX { Err(Unfit::TooLarge) } else { Ok(whole) }
    }
}

/// Splits `6.0e2` into `6.0` and 2; powers beyond every number's reach are clipped.
fn split_power(text: &str) -> Option<(&str, i64)> {
    let Some((mantissa, power)) = text.split_once(['e', 'E']) else {
        return Some((text, 0));
    };
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    if !is_digits(digits) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX);
    Some((mantissa, if power.starts_with('-') { -size } else { size }))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A text's length; no text is longer than an `i64` counts.
fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(seconds: &str) -> Option<Result<u64, Unfit>> {
        Decimal::parse(seconds).map(|number| number.times(1_000_000))
    }

    #[test]
    fn seconds_become_microseconds_exactly() {
        assert_eq!(micros("600"), Some(Ok(600_000_000)));
        assert_eq!(micros("0.1"), Some(Ok(100_000)));
        assert_eq!(micros("0.000001"), Some(Ok(1)));
        assert_eq!(micros("6.00e2"), Some(Ok(600_000_000)));
        assert_eq!(micros("6000000E-6"), Some(Ok(6_000_000)));
        assert_eq!(micros("1e-6"), Some(Ok(1)));
    }

    #[test]
    fn the_largest_number_is_two_to_the_53() {
        assert_eq!(micros("9007199254.740992"), Some(Ok(1 << 53)));
        assert_eq!(micros("9007199254.740993"), Some(Err(Unfit::TooLarge)));
        assert_eq!(micros("1e99999999999999999999"), Some(Err(Unfit::TooLarge)));
        assert_eq!(micros(&"9".repeat(400)), Some(Err(Unfit::TooLarge)));
    }

    #[test]
    fn a_number_finer_than_the_unit_is_not_rounded() {
        assert_eq!(micros("0.0000001"), Some(Err(Unfit::TooFine)));
        assert_eq!(micros("0.10000000000000000001"), Some(Err(Unfit::TooFine)));
        assert_eq!(micros("1e-99999999999999999999"), Some(Err(Unfit::TooFine)));
        assert_eq!(micros("1.50000000000000000000000000000000000"), Some(Ok(1_500_000)));
    }

    #[test]
    fn an_hour_divides_by_ten_eight_times_and_more() {
        let hours = |text: &str| Decimal::parse(text).map(|n| n.times(3_600_000_000));
        assert_eq!(hours("0.0000000025"), Some(Ok(9)));
        assert_eq!(hours("0.00000000025"), Some(Err(Unfit::TooFine)));
    }

    #[test]
    fn zero_may_be_written_below_zero() {
        assert_eq!(micros("-0.0e5"), Some(Ok(0)));
        assert_eq!(micros("0e99999999999999999999"), Some(Ok(0)));
        assert_eq!(micros("-0.5"), Some(Err(Unfit::Negative)));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "1.", ".5", "1e", "1e+", "NaN", "Infinity", "1_0", "+1", "1 ", "0x1", "١"]
        {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_microsecond_survives_its_text(micros in 0..=MAX) {
            let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(Decimal::parse(&text).map(|number| number.times(1_000_000)), Some(Ok(micros)));
        }

        #[test]
        fn no_text_panics(text in "-?[0-9.eE+-]{0,40}") {
            let _ = micros(&text);
        }
    }
}
