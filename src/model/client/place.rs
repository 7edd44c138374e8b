//! Where a client is: countries and their regions, and who knows in which of them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A country by its code of two letters (ISO 3166-1).
///
/// # Examples
///
/// ```
/// use timebudget::Country;
/// assert_eq!(Country::new("fr").map(|country| country.to_string()), Some("FR".to_owned()));
/// assert_eq!(Country::new("FRA"), None);
/// assert_eq!(Country::new("XX"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The country with a code, in any case; `None` if no country has such a one.
    ///
    /// `XX` and `ZZ`, by which CDNs mean that they do not know, are no country's and never will be.
    pub fn new(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        let code = code.map(|letter| letter.to_ascii_uppercase());
        let is_code = code.iter().all(u8::is_ascii_uppercase) && ![*b"XX", *b"ZZ"].contains(&code);
        is_code.then_some(Self(code))
    }

    /// The code, in upper case.
    pub fn code(&self) -> &str {
        // It was made of letters.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Country({self})")
    }
}

/// Who knows in which country, or in which region, a client is.
///
/// A header is believed of trusted proxies alone. Where it names nothing that can be a country, the client's is unknown.
///
/// # Examples
///
/// ```
/// use timebudget::{ClientPolicy, CountrySource, Site};
///
/// let mut site = Site::unlimited("shop.example");
/// let country = Some(CountrySource::Header("CF-IPCountry".into()));
/// site.clients = ClientPolicy { country, ..site.clients };
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CountrySource {
    /// A trusted proxy, which tells it in the header of this name.
    Header(String),
    /// A database of addresses.
    Database(Arc<dyn Countries>),
}

impl PartialEq for CountrySource {
    /// A database that is read again is another one.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(one), Self::Header(other)) => one.eq_ignore_ascii_case(other),
            (Self::Database(one), Self::Database(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// A database of the countries that addresses are in.
///
/// The feature `geo` brings one that reads files in MaxMind's format. It is asked at most once for each decision, while the
/// request waits, and so should answer from memory.
///
/// # Examples
///
/// ```
/// use std::net::IpAddr;
/// use timebudget::{Countries, Country};
///
/// #[derive(Debug)]
/// struct Office;
///
/// impl Countries for Office {
///     fn country(&self, address: IpAddr) -> Option<Country> {
///         Country::new("FR").filter(|_| address.is_loopback())
///     }
/// }
///
/// assert_eq!(Office.country([127, 0, 0, 1].into()), Country::new("FR"));
/// assert!(!Office.tells_regions());
/// ```
pub trait Countries: fmt::Debug + Send + Sync {
    /// The country that an address is in; `None` if nobody knows.
    fn country(&self, address: IpAddr) -> Option<Country>;

    /// The largest region that an address is in; `None` if nobody knows, as where the database tells countries only.
    fn region(&self, address: IpAddr) -> Option<Region> {
        let _ = address;
        None
    }

    /// Whether the database tells regions, too.
    fn tells_regions(&self) -> bool {
        false
    }
}

/// A region by its code (ISO 3166-2): its country's two letters, a hyphen, and one to three letters or digits.
///
/// # Examples
///
/// ```
/// use timebudget::Country;
/// use timebudget::Region;
/// let california = Region::new("us-ca").unwrap();
/// assert_eq!(california.to_string(), "US-CA");
/// assert_eq!(Region::within(Country::new("US").unwrap(), "CA"), Some(california));
/// assert!(Region::new("UA-43").is_some() && Region::new("CA").is_none() && Region::new("XX-1").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// The code in upper case; the last letters may be missing.
    letters: [u8; LONGEST],
    length: u8,
}

/// The longest code: `GB-ENG`.
const LONGEST: usize = 6;

/// How many letters and digits a region has within its country.
const OWN: std::ops::RangeInclusive<usize> = 1..=3;

impl Region {
    /// The region with a code, in any case; `None` if no region has such a one.
    pub fn new(code: &str) -> Option<Self> {
        let (country, own) = code.split_once('-')?;
        Self::within(Country::new(country)?, own)
    }

    /// The region of a country by what stands behind the hyphen, in any case.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Country, Region};
    /// let gb = Country::new("GB").unwrap();
    /// assert_eq!(Region::within(gb, "eng").unwrap().code(), "GB-ENG");
    /// assert_eq!(Region::within(gb, "England"), None);
    /// ```
    pub fn within(country: Country, own: &str) -> Option<Self> {
        if !OWN.contains(&own.len()) || !own.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            return None;
        }
        let code = country.code().bytes().chain([b'-']).chain(own.bytes());
        let mut region = Self { letters: [0; LONGEST], length: 0 };
        for (place, letter) in region.letters.iter_mut().zip(code) {
            *place = letter.to_ascii_uppercase();
            region.length += 1;
        }
        Some(region)
    }

    /// The region that a proxy tells: the whole code, with the hyphen or without, or only what stands behind it.
    ///
    /// For the last the country must be known. Of `USCA` no region of a country has so many letters.
    pub(crate) fn told(text: &str, country: Option<Country>) -> Option<Self> {
        match text.split_at_checked(2) {
            _ if text.contains('-') => Self::new(text),
            Some((of, own)) if text.len() > *OWN.end() => Self::within(Country::new(of)?, own),
            _ => Self::within(country?, text),
        }
    }

    /// The code, in upper case.
    pub fn code(&self) -> &str {
        // It was made of letters, digits and a hyphen.
        str::from_utf8(&self.letters[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_has_a_country_a_hyphen_and_one_to_three_letters_or_digits() {
        for (text, code) in
            [("US-CA", "US-CA"), ("gb-eng", "GB-ENG"), ("UA-43", "UA-43"), ("fr-a", "FR-A"), ("JP-1", "JP-1")]
        {
            assert_eq!(Region::new(text).map(|region| region.to_string()).as_deref(), Some(code));
        }
        for text in [
            "", "US", "CA", "US-", "-CA", "US_CA", "USCA", "US-CALI", "USA-CA", "XX-CA", "ZZ-1", "US-C A",
            "US-é", "US-C-A", "1S-CA",
        ] {
            assert_eq!(Region::new(text), None, "{text}");
        }
    }

    #[test]
    fn a_proxy_may_tell_the_whole_code_or_only_its_end() {
        let us = Country::new("US");
        for text in ["US-CA", "us-ca", "USCA", "CA"] {
            assert_eq!(Region::told(text, us), Region::new("US-CA"), "{text}");
        }
        assert_eq!(Region::told("ENG", Country::new("GB")), Region::new("GB-ENG"));
        assert_eq!(Region::told("GBENG", us), Region::new("GB-ENG"));
        for text in ["", "CA-", "XXCA", "California", "ÜSCA"] {
            assert_eq!(Region::told(text, us), None, "{text}");
        }
        assert_eq!(Region::told("CA", None), None);
    }

    proptest! {
        #[test]
        fn every_code_survives_its_text_and_no_text_panics(text in "[A-Za-z]{2}-[A-Za-z0-9]{1,3}|\\PC{0,8}") {
            if let Some(region) = Region::new(&text) {
                prop_assert_eq!(region.code(), text.to_ascii_uppercase());
                prop_assert_eq!(Region::new(region.code()), Some(region));
            }
            let _ = Region::told(&text, Country::new("FR"));
        }
    }
}
