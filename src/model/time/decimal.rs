//! Decimal numbers, exactly: from their text to whole units, never through a float; but what floats lose is made good.

use crate::model::time::units::Micros;

/// The largest whole number that comes out: 2^53, which every JSON reader holds exactly.
const MAX: u64 = Micros::MAX_QUOTA.0;

/// No whole number of a known unit has more digits behind the point.
///
/// The largest unit is 3,600,000,000 µs, which ten divides eight times and two ten times; so, once the zeros at the
/// end are gone, no product with it is whole beyond the tenth place.
const MAX_PLACES: i64 = 10;

/// Numbers with more digits before the point are larger than [`MAX`] in every unit.
const MAX_WHOLE_DIGITS: i64 = 18;

/// So many floats away from a whole number of units, and no farther, a number is taken for it.
///
/// A product of two numbers that are rounded themselves is off by two floats at most, and a sum of a day's 24 hours by a
/// dozen. At 3,960 s the sixteenth neighbour is seven millionths of a microsecond away, at 100,000,000 s a quarter of one.
const NEIGHBOURS: u64 = 16;

/// So many digits, times a unit of ten, fit a `u128`; a float tells 17 of them apart.
const MOST_DIGITS: usize = 28;

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

    /// The number times `unit`, exactly or but for what floats lose; zero may have a minus sign.
    ///
    /// Whoever computes with floats and then writes the result writes `3960.0000000000005` for 1.1 hours in seconds. So a
    /// number that is a whole one's neighbour among the floats of its size is that whole number: see [`NEIGHBOURS`].
    ///
    /// # Errors
    ///
    /// [`Unfit`] unless the product is a whole number from 0 to 2^53.
    pub(crate) fn times(&self, unit: u64) -> Result<u64, Unfit> {
        match self.exactly(unit) {
            Err(Unfit::TooFine) => self.nearly(unit),
            exactly => exactly,
        }
    }

    fn exactly(&self, unit: u64) -> Result<u64, Unfit> {
        match length(&self.digits).saturating_add(self.exponent) {
            _ if self.digits.is_empty() => Ok(0),
            _ if self.negative => Err(Unfit::Negative),
            whole_digits if whole_digits > MAX_WHOLE_DIGITS => Err(Unfit::TooLarge),
            _ if self.exponent < -MAX_PLACES => Err(Unfit::TooFine),
            _ => self.product(unit),
        }
    }

    /// The nearest whole product, if the number is its neighbour among floats.
    fn nearly(&self, unit: u64) -> Result<u64, Unfit> {
        let nearest = self.nearest(unit).ok_or(Unfit::TooFine)?;
        let written: f64 =
            format!("{}e{}", self.digits, self.exponent).parse().map_err(|_| Unfit::TooFine)?;
        // Both are whole and at most 2^53, so that the quotient is the float nearest to it.
        let meant = nearest as f64 / unit as f64;
        // Floats of one sign are ordered as their bits are.
        match written.to_bits().abs_diff(meant.to_bits()) <= NEIGHBOURS {
            true => Ok(nearest),
            false => Err(Unfit::TooFine),
        }
    }

    /// The product rounded to the nearest whole number, from 1 to 2^53; of very many digits only the first count.
    fn nearest(&self, unit: u64) -> Option<u64> {
        let kept = &self.digits[..self.digits.len().min(MOST_DIGITS)];
        let power = i64::try_from(kept.len()).ok()? - length(&self.digits) - self.exponent;
        let over = 10_u128.checked_pow(u32::try_from(power).ok()?)?;
        let product = kept.parse::<u128>().ok()? * u128::from(unit);
        let whole = (product + over / 2) / over;
        u64::try_from(whole).ok().filter(|whole| (1..=MAX).contains(whole))
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
        assert_eq!(micros("3960.0000001"), Some(Err(Unfit::TooFine)));
        assert_eq!(micros("0.0000010000001"), Some(Err(Unfit::TooFine)));
        assert_eq!(micros("9007199254.7409931"), Some(Err(Unfit::TooFine)), "the nearest is too large");
        assert_eq!(micros("1e-99999999999999999999"), Some(Err(Unfit::TooFine)));
        assert_eq!(micros("5e-324"), Some(Err(Unfit::TooFine)), "no float is between it and zero");
        assert_eq!(micros("1.50000000000000000000000000000000000"), Some(Ok(1_500_000)));
    }

    /// Frappe Cloud computes hours × 3600 in floats, and 1.1 × 3600 is 3960.0000000000005 there; it was refused.
    #[test]
    fn a_number_within_the_error_of_floats_is_the_whole_one() {
        for (written, meant) in [
            ("3960.0000000000005", 3_960_000_000),
            ("8279.999999999999", 8_280_000_000),
            ("0.30000000000000004", 300_000),
            ("9.99999999999998", 10_000_000),
            ("0.10000000000000000001", 100_000),
            ("1.0000000000000002e-6", 1),
            ("9.999999999999999e-7", 1),
            ("39600000000000005e-13", 3_960_000_000),
            ("1000000000.0000005", 1_000_000_000_000_001),
        ] {
            assert_eq!(micros(written), Some(Ok(meant)), "{written}");
        }
        let whole = |text: &str| Decimal::parse(text).map(|number| number.times(1));
        assert_eq!(whole("86400.00000000001"), Some(Ok(86_400)));
        assert_eq!(whole("86400.0001"), Some(Err(Unfit::TooFine)));
    }

    #[test]
    fn an_hour_divides_by_ten_eight_times_and_more() {
        let hours = |text: &str| Decimal::parse(text).map(|n| n.times(3_600_000_000));
        assert_eq!(hours("0.0000000025"), Some(Ok(9)));
        assert_eq!(hours("0.00000000025"), Some(Err(Unfit::TooFine)));
        assert_eq!(hours("0.0000000025000000000000004"), Some(Ok(9)));
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

        /// As a program in floats writes it, whatever the order of its operations.
        #[test]
        fn hours_in_floats_are_their_microseconds(tenths in 1..=1_000_000_u64) {
            let hours = tenths as f64 * 0.1;
            for seconds in [hours * 3600.0, tenths as f64 * 360.0, hours * 60.0 * 60.0, hours / 24.0 * 86_400.0] {
                prop_assert_eq!(micros(&format!("{seconds:?}")), Some(Ok(tenths * 360_000_000)), "{}", seconds);
            }
        }

        #[test]
        fn no_text_panics(text in "-?[0-9.eE+-]{0,40}") {
            let _ = micros(&text);
        }
    }
}
