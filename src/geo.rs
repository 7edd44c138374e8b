//! Databases of the countries and regions that addresses are in, in MaxMind's format.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{MaxMindDbError, PathElement, Reader};

use crate::model::{Countries, Country, Region};

/// Parts of the names of those kinds of database that tell countries.
const KINDS: [&str; 3] = ["country", "city", "enterprise"];

/// The same of those that tell regions, too.
const KINDS_WITH_REGIONS: [&str; 2] = ["city", "enterprise"];

/// A database of countries, read into memory as a whole.
///
/// Databases of countries, of cities and MaxMind's Enterprise tell countries, and the latter two regions as well. It is not
/// read again when the file changes: open it anew, and give the site the new one.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
/// use timebudget::geo::CountryDatabase;
/// use timebudget::{ClientPolicy, CountrySource, Site};
///
/// let database = CountryDatabase::open("GeoLite2-Country.mmdb")?;
/// let country = Some(CountrySource::Database(Arc::new(database)));
/// let site = Site {
///     clients: ClientPolicy { country, ..ClientPolicy::default() },
///     ..Site::unlimited("shop.example")
/// };
/// # let _ = site;
/// # Ok::<(), timebudget::geo::DatabaseError>(())
/// ```
pub struct CountryDatabase(Reader<Vec<u8>>);

impl CountryDatabase {
    /// Reads a file in MaxMind's format, such as `GeoLite2-Country.mmdb`.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read, or that its kind is one that tells no countries.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DatabaseError> {
        let reader = Reader::open_readfile(path)
            .map_err(|error| DatabaseError { words: error.to_string(), source: Some(error) })?;
        let database = Self(reader);
        match database.is_one_of(&KINDS) {
            true => Ok(database),
            false => {
                let words = format!("a database of the kind {:?} tells no countries", database.kind());
                Err(DatabaseError { words, source: None })
            }
        }
    }

    fn kind(&self) -> String {
        self.0.metadata().database_type.to_ascii_lowercase()
    }

    fn is_one_of(&self, kinds: &[&str]) -> bool {
        let kind = self.kind();
        kinds.iter().any(|known| kind.contains(known))
    }
}

impl Countries for CountryDatabase {
    fn country(&self, address: IpAddr) -> Option<Country> {
        // An address that the database has no place for, such as of IPv6 in one of IPv4, is unknown as well.
        let found = self.0.lookup(address).ok()?;
        let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
        found.decode_path::<&str>(&path).ok()?.and_then(Country::new)
    }

    fn region(&self, address: IpAddr) -> Option<Region> {
        let found = self.0.lookup(address).ok()?;
        let country = [PathElement::Key("country"), PathElement::Key("iso_code")];
        let country = found.decode_path::<&str>(&country).ok()?.and_then(Country::new)?;
        let largest = [PathElement::Key("subdivisions"), PathElement::Index(0), PathElement::Key("iso_code")];
        Region::within(country, found.decode_path::<&str>(&largest).ok()??)
    }

    fn tells_regions(&self) -> bool {
        self.is_one_of(&KINDS_WITH_REGIONS)
    }
}

impl fmt::Debug for CountryDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountryDatabase").field(&self.0.metadata().database_type).finish()
    }
}

/// Why a file is no database of countries; its source, if there is one, says why it cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct DatabaseError {
    words: String,
    source: Option<MaxMindDbError>,
}
