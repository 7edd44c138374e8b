//! Countries, and who knows in which one a client is.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::region::Region;

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
#[derive(Clone, Debug)]
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
