//! What rules see is what the application sees: requests that its extractors cannot tell apart are one to rules, and
//! those that they can tell apart, by what a key names, are not.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use actix_web::cookie::Cookie;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::{Condition, NormalizePath, from_fn};
use actix_web::web::{self, Path, Query};
use actix_web::{App, FromRequest as _, HttpRequest, rt};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use timebudget::ManualClock;

use crate::harness::{Listening, World, in_lower_case, secs, serve};

/// What is sent, to the byte: a target, and lines of fields.
#[derive(Clone, Debug)]
struct Sent {
    target: Vec<u8>,
    fields: Vec<Vec<u8>>,
}

/// What an application sees under each name that a key can have.
type Seen = BTreeMap<String, String>;

/// Who serves: what becomes of paths inside of the budget, and what the site says of them.
#[derive(Clone, Copy)]
struct Setting {
    normalises: bool,
    /// In any case, what is inside knows lower case alone.
    paths: &'static str,
    /// Whether a route takes whatever no other takes.
    takes_all: bool,
}

impl Setting {
    fn ignores_case(self) -> bool {
        self.paths == "any_case"
    }
}

const KEYS: [&str; 4] = ["path", "header:x-key", "cookie:key", "query:key"];

/// What is seen of all values of a name; conditions look at all.
const ALL: [&str; 3] = ["all headers", "all cookies", "all parameters"];

/// Conditions, and what they depend on.
const CONDITIONS: [(&str, &str); 9] = [
    ("path", r#"{"path": ["/one/a", "/two/é/b/", "/rest/+"]}"#),
    ("path", r#"{"path": {"prefix": "/one"}}"#),
    ("path", r#"{"path": {"glob": "/*/?"}}"#),
    ("path", r#"{"path": {"regex": "^/(one|rest)/\\p{L}+/?$"}}"#),
    ("all headers", r#"{"header": {"x-key": ["a", "b", {"regex": "^.é"}]}}"#),
    ("all headers", r#"{"header": {"x-key": {"glob": "a?"}}}"#),
    ("all cookies", r#"{"cookie": {"key": true}}"#),
    ("all cookies", r#"{"cookie": {"key": {"prefix": "a"}}}"#),
    ("all parameters", r#"{"query": {"key": ["a", "é", " ", {"regex": "^.$"}]}}"#),
];

fn start(world: &World, setting: Setting) -> Listening {
    let budget = world.budget_of(&site_file(setting.paths));
    serve(move || {
        App::new()
            .wrap(Condition::new(setting.normalises, NormalizePath::trim()))
            .wrap(Condition::new(setting.ignores_case(), from_fn(in_lower_case)))
            .wrap(budget.clone())
            .route("/one/{a}", web::get().to(see))
            .route("/two/{a}/{b}", web::get().to(see))
            .route("/rest/{r:.*}", web::get().to(see))
            .route(if setting.takes_all { "/{all:.*}" } else { "/all" }, web::get().to(see))
            .default_service(web::to(async || "nothing"))
    })
}

/// A rule by each key, and one of each condition, which the header `x-rule` chooses.
fn site_file(paths: &str) -> String {
    let rule = |at: usize, chosen: &str, when: &str, what: &str| {
        let chosen = format!(r#"{{"header": {{"x-rule": "{chosen}"}}}}"#);
        format!(r#"{{"name": "r{at}", "when": {{"all": [{chosen}, {when}]}}, {what}}}"#)
    };
    let keyed = |(at, key): (usize, &&str)| {
        rule(at, key, "{}", &format!(r#""key": "{key}", "limits": "1 per hour""#))
    };
    let conditional = |(at, (_, when)): (usize, &(&str, &str))| {
        rule(at + KEYS.len(), &format!("condition {at}"), when, r#""limits": "0 per hour""#)
    };
    let conditional = CONDITIONS.iter().enumerate().map(conditional);
    let rules: Vec<_> = KEYS.iter().enumerate().map(keyed).chain(conditional).collect();
    format!(r#"{{"rate_limit_paths": "{paths}", "rate_limit_rules": [{}]}}"#, rules.join(", "))
}

/// Tells what an application is given under each key.
async fn see(request: HttpRequest) -> String {
    let parameters = Path::<Vec<String>>::extract(&request).await.expect("texts").into_inner();
    let query = Query::<HashMap<String, String>>::extract(&request).await.expect("texts").into_inner();
    let all = Query::<Vec<(String, String)>>::extract(&request).await.expect("texts").into_inner();
    let header = request.headers().get("x-key").filter(|value| !value.is_empty());
    let cookie = request.cookie("key").map(|cookie| cookie.value().to_owned());
    let all_cookies = request.cookies().map_or_else(|_| Vec::new(), |cookies| cookies.to_vec());
    let seen = [
        format!("{:?} {parameters:?}", request.match_pattern()),
        format!("{:?}", header.map(HeaderValue::as_bytes)),
        // Of an empty value there is no account either.
        format!("{:?}", cookie.filter(|value| !value.is_empty())),
        format!("{:?}", query.get("key").filter(|value| !value.is_empty())),
        format!("{:?}", request.headers().get_all("x-key").map(HeaderValue::as_bytes).collect::<Vec<_>>()),
        format!("{:?}", all_cookies.iter().map(Cookie::name_value).collect::<Vec<_>>()),
        format!("{all:?}"),
    ];
    seen.join("\n")
}

/// A connection that is used from outside of the runtime, so that a failure can be made smaller.
struct Line(BufReader<TcpStream>);

impl Line {
    fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).expect("it listens")))
    }

    /// The status and the body; a connection that the server closes is made anew.
    fn ask(&mut self, sent: &Sent, rule: &str, address: SocketAddr) -> (u16, String) {
        let mut request = [b"GET ", &sent.target[..], b" HTTP/1.1\r\nHost: localhost\r\n"].concat();
        for field in &sent.fields {
            request.extend([field, &b"\r\n"[..]].concat());
        }
        request.extend(format!("X-Rule: {rule}\r\n\r\n").into_bytes());
        self.0.get_mut().write_all(&request).expect("the connection stands");
        let mut status = String::new();
        self.0.read_line(&mut status).expect("an answer");
        let status: u16 = status.split(' ').nth(1).expect("a status").parse().expect("a status");
        let body = self.body();
        if status == 400 {
            *self = Self::connect(address);
        }
        (status, body)
    }

    fn body(&mut self) -> String {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).expect("a field");
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        String::from_utf8(body).expect("text")
    }
}

fn bytes(pattern: &'static str) -> impl Strategy<Value = Vec<u8>> {
    proptest::string::bytes_regex(pattern).expect("a pattern")
}

/// Paths and queries whose parts have few letters and many spellings.
fn target() -> impl Strategy<Value = Vec<u8>> {
    let path = bytes(
        r"(/|//)(one|%6fne|two|rest|al%6C)(/|//|%2F|%2f)([ab+/%2F]|%61|%C3%A9|%c3%A9|%FF|%25|%2[FfBb5]){0,4}",
    );
    let query = bytes(
        r"([?](key|k%65y|x)=([ab+]|%C3%A9|%61|%20|%2B|%F|%ff){0,2}(&(key|%6bey|key=|)=?[ab]?){0,2}){0,1}",
    );
    (path, query).prop_map(|(path, query)| [path, query].concat())
}

fn fields() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let header = bytes(r"(?-u)(X-Key|x-KEY):[ \t]?[ab\x80\xc3\xa9\xff]{0,2}[ ]?");
    let cookie = bytes(
        r#"(?-u)Cookie: ?((key|k%65y|x|k\xc3\xa9y| key )=?("?([ab ]|%61|%FF|\xc3\xa9|"){0,2}"?)(;|; |;;)){0,3}"#,
    );
    prop::collection::vec(prop_oneof![header, cookie], 0..3)
}

fn sent() -> impl Strategy<Value = Sent> {
    (target(), fields()).prop_map(|(target, fields)| Sent { target, fields })
}

/// Two requests that have much in common: another target, other fields, or the same target in another spelling.
fn pair(in_cases: bool) -> impl Strategy<Value = (Sent, Sent)> {
    let choices = prop::collection::vec(0..5u8, 40);
    (sent(), sent(), choices, 0..4).prop_map(move |(one, other, choices, kept)| {
        let other = match kept {
            0 => Sent { fields: one.fields.clone(), ..other },
            1 => Sent { target: one.target.clone(), ..other },
            2 => Sent { target: respelled(&one.target, &choices, in_cases), fields: one.fields.clone() },
            _ => other,
        };
        (one, other)
    })
}

/// The target with some of its letters escaped, or of its path in capitals, and some of its slashes twice.
fn respelled(target: &[u8], choices: &[u8], in_cases: bool) -> Vec<u8> {
    let query = target.iter().position(|letter| *letter == b'?').unwrap_or(target.len());
    let mut respelled = Vec::new();
    for (at, (letter, choice)) in target.iter().zip(choices.iter().cycle()).enumerate() {
        match (letter, choice) {
            (_, 2) if in_cases && at < query => respelled.push(letter.to_ascii_uppercase()),
            (b'/', 0) => respelled.extend(b"//"),
            (b'?' | b'&' | b'=' | b'%' | b'+' | b'/', _) | (_, 0..3) => respelled.push(*letter),
            (_, 3) => respelled.extend(format!("%{letter:02X}").bytes()),
            _ => respelled.extend(format!("%{letter:02x}").bytes()),
        }
    }
    respelled
}

/// What the application sees of a request; `None` if it is none to the parser, or no route takes it.
fn seen(line: &mut Line, sent: &Sent, address: SocketAddr) -> Option<Seen> {
    let (status, body) = line.ask(sent, "none", address);
    assert!(matches!(status, 200 | 400), "{status} {sent:?}");
    let lines = body.lines().map(str::to_owned);
    let names = KEYS.into_iter().chain(ALL).map(str::to_owned);
    (status == 200 && body != "nothing").then(|| names.zip(lines).collect())
}

/// Whether two requests draw from one account of the rule by a key.
fn share(line: &mut Line, (one, other): (&Sent, &Sent), key: &str, address: SocketAddr) -> bool {
    let first = line.ask(one, key, address).0;
    assert_eq!(first, 200, "nothing is spent: {one:?}");
    line.ask(other, key, address).0 == 429
}

/// What is left of what is seen where paths that differ by slashes are one.
fn without_slashes(seen: &str) -> String {
    let parts = seen.split(['"', '/']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

fn check(
    line: &mut Line,
    (one, other): (&Sent, &Sent),
    clock: &ManualClock,
    setting: Setting,
    address: SocketAddr,
) -> Result<(), TestCaseError> {
    let (Some(of_one), Some(of_other)) = (seen(line, one, address), seen(line, other, address)) else {
        return Ok(());
    };
    for key in KEYS {
        clock.advance(secs(3_600));
        let is_one = share(line, (one, other), key, address);
        let (one, other) = (&of_one[key], &of_other[key]);
        if one == other {
            prop_assert!(is_one, "{key}: seen as one, and are two: {one}");
        } else if key != "path" || setting.paths == "exact" {
            prop_assert!(!is_one, "{key}: seen as two, and are one: {one} and {other}");
        } else if without_slashes(one) != without_slashes(other) {
            prop_assert!(!is_one, "{key}: are one, and differ by more than slashes: {one} and {other}");
        }
    }
    for (at, (about, condition)) in CONDITIONS.iter().enumerate() {
        let [of_one, of_other] = [&of_one[*about], &of_other[*about]];
        let mut refuses = |sent| line.ask(sent, &format!("condition {at}"), address).0;
        let (one, other) = (refuses(one), refuses(other));
        prop_assert!(of_one != of_other || one == other, "{condition}: {one} and {other} of {of_one}");
    }
    Ok(())
}

async fn holds(setting: Setting, cases: u32) {
    let world = World::new();
    let server = start(&world, setting);
    let (address, clock): (_, Arc<ManualClock>) = (server.address, world.clock());
    let run = move || {
        let mut line = Line::connect(address);
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let line = std::cell::RefCell::new(&mut line);
        TestRunner::new(config).run(&pair(setting.ignores_case()), |(one, other)| {
            check(&mut line.borrow_mut(), (&one, &other), &clock, setting, address)
        })
    };
    let result = rt::task::spawn_blocking(run).await.expect("it ends");
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[actix_web::test]
async fn where_paths_are_exact() {
    holds(Setting { normalises: false, paths: "exact", takes_all: true }, 600).await;
}

#[actix_web::test]
async fn where_paths_are_normalised_inside_of_the_budget() {
    holds(Setting { normalises: true, paths: "normal", takes_all: true }, 600).await;
}

#[actix_web::test]
async fn where_paths_are_normal_and_nothing_normalises_them_inside() {
    holds(Setting { normalises: false, paths: "normal", takes_all: false }, 600).await;
}

#[actix_web::test]
async fn where_paths_are_in_any_case_and_in_lower_case_inside_of_the_budget() {
    holds(Setting { normalises: true, paths: "any_case", takes_all: true }, 600).await;
}
