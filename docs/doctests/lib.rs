//! The guides, whose snippets are compiled and run with the other tests of the workspace.
//!
//! A page shows no line that is there for the compiler alone: `build.rs` puts those around each snippet.

/// A documented item for each page.
macro_rules! guides {
    ($($page:literal $name:ident,)*) => {$(
        #[doc = include_str!(concat!(env!("OUT_DIR"), "/", $page))]
        pub struct $name;
    )*};
}

guides! {
    "README.md" Readme,
    "accounts.md" Accounts,
    "coming-from.md" ComingFrom,
    "control.md" RunTimeControl,
    "hard-budgets.md" HardBudgets,
    "in-front-and-behind.md" InFrontAndBehind,
    "in-rust.md" InRust,
    "observing.md" Observing,
    "recipes.md" Recipes,
}
