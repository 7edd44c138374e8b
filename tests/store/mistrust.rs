//! Snapshots that are not trusted, and places that cannot hold one.

use std::fs;

use timebudget::store::Store;
use timebudget::store::memory::Memory;

use crate::snapshots::{Place, SECRET, budget};

#[test]
fn a_damaged_snapshot_is_moved_aside_and_all_accounts_begin_empty() {
    let place = Place::new();
    let written = place.write();
    for at in 0..written.len() {
        let mut damaged = written.clone();
        damaged[at] ^= 0x20;
        fs::write(place.file(), &damaged).unwrap();
        let desk = place.start(500);
        assert_eq!((desk.store.secret(), desk.spent(budget(&desk))), (None, 0), "byte {at}");
        assert_eq!((place.refused(), place.file().exists()), (Some(damaged), false), "byte {at}");
    }
}

#[test]
fn a_snapshot_that_was_cut_is_moved_aside() {
    let place = Place::new();
    let written = place.write();
    for len in 0..written.len() {
        fs::write(place.file(), &written[..len]).unwrap();
        assert_eq!(place.start(500).store.secret(), None, "{len} bytes");
        assert_eq!(place.refused().map(|refused| refused.len()), Some(len));
    }
}

#[test]
fn a_place_where_nothing_can_be_written_is_an_error_that_names_it() {
    let place = Place::new();
    fs::create_dir(place.file()).unwrap();
    for file in [place.0.join("missing/accounts"), place.file()] {
        let error = Memory::default().with_snapshot(&file).unwrap_err();
        assert!(error.to_string().starts_with(&*file.to_string_lossy()), "{error}");
    }
}

#[test]
fn what_cannot_be_saved_leaves_the_last_snapshot() {
    let place = Place::new();
    let written = place.write();
    let desk = place.start(500);
    fs::create_dir_all(place.0.join("accounts.new/in the way")).unwrap();
    let fault = desk.store.save(&SECRET, &[], desk.now()).unwrap_err();
    assert!(fault.to_string().contains("accounts: cannot be written"), "{fault}");
    assert_eq!(fs::read(place.file()).unwrap(), written);
}

#[test]
fn what_a_crash_left_half_written_is_in_nobodys_way() {
    let place = Place::new();
    fs::write(place.0.join("accounts.new"), "half").unwrap();
    place.write();
    let mut names: Vec<_> = fs::read_dir(&place.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["accounts", "accounts.lock"]);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_secret() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write();
    assert_eq!(fs::metadata(place.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_store_does_not_print_its_secret() {
    let place = Place::new();
    place.write();
    let printed = format!("{:?}", place.start(1).store);
    assert!(!printed.contains("secret") && !printed.contains(&format!("{SECRET:?}")), "{printed:.200}");
}
