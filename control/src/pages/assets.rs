//! The files of the pages, as they lie in the program.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The document that every page begins with; see [`super::document`] for what is filled in.
pub(crate) const INDEX: &str = include_str!("../../assets/index.html");

pub(crate) struct Asset {
    /// Its path below `assets`.
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal)*) => {
        [$(Asset { name: $name, bytes: include_bytes!(concat!("../../assets/", $name)) }),*]
    };
}

/// Each file, in the order of the alphabet.
pub(crate) static ALL: &[Asset] = &assets![
    "app.js"
    "charts/burn_down.js"
    "charts/chart.js"
    "charts/histogram.js"
    "charts/history.js"
    "core/api.js"
    "core/events.js"
    "core/layout.js"
    "core/loading.js"
    "core/numbers.js"
    "core/router.js"
    "core/session.js"
    "core/sites.js"
    "core/theme.js"
    "core/time.js"
    "core/view.js"
    "editor/caret.js"
    "editor/draft.js"
    "editor/editor.js"
    "editor/json.js"
    "editor/marks.js"
    "editor/words.js"
    "icon.svg"
    "pages/audit.js"
    "pages/clients.js"
    "pages/clients/accounts.js"
    "pages/clients/client.js"
    "pages/clients/groups.js"
    "pages/clients/keys.js"
    "pages/clients/overrides.js"
    "pages/clients/tiers.js"
    "pages/clients/users.js"
    "pages/login.js"
    "pages/members.js"
    "pages/overview.js"
    "pages/rules.js"
    "pages/rules/list.js"
    "pages/rules/policy.js"
    "pages/rules/ruleset.js"
    "pages/rules/sites.js"
    "pages/spenders.js"
    "parts/badge.js"
    "parts/conflict.js"
    "parts/course.js"
    "parts/dialog.js"
    "parts/explain.js"
    "parts/field.js"
    "parts/happenings.js"
    "parts/listed.js"
    "parts/removal.js"
    "parts/replay.js"
    "parts/say.js"
    "parts/secret.js"
    "parts/shell.js"
    "parts/table.js"
    "style/base.css"
    "style/pages.css"
    "style/parts.css"
    "vendor/NOTICE"
    "vendor/lit-html/LICENSE"
    "vendor/lit-html/directive-helpers.js"
    "vendor/lit-html/directive.js"
    "vendor/lit-html/directives/live.js"
    "vendor/lit-html/directives/repeat.js"
    "vendor/lit-html/lit-html.js"
    "vendor/uplot/LICENSE"
    "vendor/uplot/uPlot.iife.min.js"
    "vendor/uplot/uPlot.min.css"
];

pub(crate) fn named(name: &str) -> Option<&'static Asset> {
    let found = ALL.binary_search_by(|asset| asset.name.cmp(name)).ok()?;
    Some(&ALL[found])
}

/// A digest of all of them together: another one as soon as one of them is another.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut all = Sha256::new();
        for asset in ALL {
            all.update(Sha256::digest(asset.name));
            all.update(Sha256::digest(asset.bytes));
        }
        short(&all.finalize())
    });
    &VERSION
}

/// The first 64 bits of a digest, in hexadecimal: it tells versions apart, and keeps nothing secret.
pub(crate) fn short(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What a file is, by the end of its name. `X-Content-Type-Options: nosniff` has browsers believe it.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}
