//! What a browser is given, asked of a real scope.

use std::collections::BTreeSet;
use std::path::Path;

use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use sha2::{Digest, Sha256};

use super::{assets, configure, preload};

async fn ask(request: TestRequest) -> ServiceResponse {
    let app = init_service(App::new().service(web::scope("/limits").configure(configure))).await;
    call_service(&app, request.to_request()).await
}

async fn get(path: &str) -> ServiceResponse {
    ask(TestRequest::get().uri(path)).await
}

fn header<'a>(answer: &'a ServiceResponse, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn text(answer: ServiceResponse) -> String {
    String::from_utf8(read_body(answer).await.to_vec()).unwrap()
}

#[actix_web::test]
async fn every_page_begins_with_the_document_below_the_path_of_the_scope() {
    for path in [
        "/limits",
        "/limits/",
        "/limits/clients/users/a.b",
        "/limits/clients/users/a%2Fb",
        "/limits/%72ules?q=/1",
    ] {
        let answer = get(path).await;
        assert_eq!(
            (answer.status(), header(&answer, "content-type")),
            (StatusCode::OK, "text/html; charset=utf-8"),
            "{path}"
        );
        let text = text(answer).await;
        assert!(text.contains("<base href=\"/limits/\">"), "{path}: {text}");
    }
}

#[actix_web::test]
async fn what_is_no_page_is_not_answered_by_one() {
    for path in
        ["/limits/assets/x/none.js", "/limits/assets/none.js", "/limits/api/v1/nothing", "/limits/api/"]
    {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn nothing_inline_is_allowed_and_nothing_inline_is_there() {
    let answer = get("/limits/").await;
    let policy = header(&answer, "content-security-policy");
    assert!(
        policy.contains("script-src 'self';")
            && policy.contains("style-src 'self';")
            && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    let document = text(answer).await;
    assert!(
        !document.contains("<style") && !document.contains("style=") && !document.contains(" on"),
        "{document}"
    );
    for script in document.split("<script").skip(1) {
        assert!(script.contains("src=") && script.contains("></script>"), "{script}");
    }
}

#[actix_web::test]
async fn a_document_that_has_not_changed_is_not_sent_again() {
    let tag = header(&get("/limits/").await, "etag").to_owned();
    for asked in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        let again =
            ask(TestRequest::get().uri("/limits/").insert_header(("if-none-match", asked.as_str()))).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{asked}");
        assert_eq!(header(&again, "etag"), tag);
        assert!(text(again).await.is_empty());
    }
    let other = ask(TestRequest::get().uri("/limits/").insert_header(("if-none-match", "\"other\""))).await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[actix_web::test]
async fn an_asset_may_be_kept_for_ever_under_the_version_that_it_belongs_to() {
    let current = get(&format!("/limits/assets/{}/app.js", assets::version())).await;
    assert_eq!(header(&current, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&current, "content-type"), "text/javascript; charset=utf-8");
    let old = get("/limits/assets/0000/app.js").await;
    assert_eq!((old.status(), header(&old, "cache-control")), (StatusCode::OK, "no-cache"));
}

#[actix_web::test]
async fn a_path_with_signs_of_html_stays_a_path_in_the_document() {
    let app = init_service(App::new().service(web::scope("/{team}").configure(configure))).await;
    let answer = call_service(&app, TestRequest::get().uri("/%22%3E%3Cscript%3E/").to_request()).await;
    let document = text(answer).await;
    assert!(document.contains("<base href=\"/%22%3E%3Cscript%3E/\">"), "{document}");
}

#[test]
fn every_file_among_the_assets_is_served() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut found = files(&root, &root);
    // The document is served by itself.
    found.retain(|name| name != "index.html");
    found.sort();
    let mut served: Vec<_> = assets::ALL.iter().map(|asset| asset.name.to_owned()).collect();
    served.sort();
    assert_eq!(found, served);
}

#[test]
fn what_a_module_imports_is_there_and_the_first_page_needs_no_second_round() {
    let is_module = |name: &str| name.ends_with(".js");
    for asset in assets::ALL.iter().filter(|asset| is_module(asset.name)) {
        for import in preload::imports(asset.name) {
            assert!(assets::named(&import).is_some(), "{} imports {import}", asset.name);
        }
    }
    let needed = preload::needed();
    assert!(
        needed.contains(&"vendor/lit-html/lit-html.js".into()) && needed.contains(&"core/api.js".into()),
        "{needed:?}"
    );
    // The editor is large, and no part of the first page.
    assert!(!needed.iter().any(|name| name.starts_with("editor/")), "{needed:?}");
}

#[test]
fn the_libraries_are_those_that_the_notice_names() {
    let notice = std::str::from_utf8(assets::named("vendor/NOTICE").unwrap().bytes).unwrap();
    for asset in
        assets::ALL.iter().filter(|asset| asset.name.starts_with("vendor/") && asset.name != "vendor/NOTICE")
    {
        let digest: String = Sha256::digest(asset.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(
            notice.contains(&format!("{digest}  {}", asset.name)),
            "{} has the digest {digest}",
            asset.name
        );
    }
}

#[test]
fn the_editor_offers_each_key_that_the_schema_of_the_site_file_knows_in_rules_and_conditions() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/site_config.schema.json");
    let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let words = std::str::from_utf8(assets::named("editor/words.js").unwrap().bytes).unwrap();
    for (list, definition) in [("RULE", "rule"), ("CONDITION", "condition")] {
        let (_, after) = words.split_once(&format!("export const {list} = {{")).unwrap();
        let (within, _) = after.split_once("\n};").unwrap();
        let offered: BTreeSet<_> = within
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .map(|(key, _)| key.trim_matches('"'))
            .collect();
        let properties = schema["$defs"][definition]["properties"].as_object().unwrap();
        let known: BTreeSet<_> = properties.keys().map(String::as_str).collect();
        assert_eq!(offered, known, "{list}");
    }
}

fn files(root: &Path, folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let within = |path: std::path::PathBuf| {
        if path.is_dir() {
            files(root, &path)
        } else {
            vec![path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()]
        }
    };
    entries.flat_map(within).collect()
}
