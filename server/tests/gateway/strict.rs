//! An upstream that reads requests by the letter of RFC 9112, and takes note of whatever could be read in two ways.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The upstream; each request has to say in `X-Case` which case it belongs to.
pub(crate) struct Strict {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    faults: Arc<Mutex<Vec<String>>>,
}

/// A request that was whole.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) case: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// The name that the gateway has given it.
    pub(crate) fn id(&self) -> &str {
        let id = self.fields.iter().find(|(name, _)| name == "x-request-id");
        id.map(|(_, id)| id.as_str()).unwrap_or_default()
    }

    /// How often a field stands in its head.
    pub(crate) fn has(&self, name: &str) -> usize {
        self.fields.iter().filter(|(found, _)| found == name).count()
    }
}

impl Strict {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, faults) = <(Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>)>::default();
        let strict = Self { address, heard: Arc::clone(&heard), faults: Arc::clone(&faults) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, faults) = (Arc::clone(&heard), Arc::clone(&faults));
                thread::spawn(move || {
                    if let Err(fault) = serve(stream, &heard) {
                        faults.lock().unwrap().push(fault);
                    }
                });
            }
        });
        strict
    }

    /// All whole requests so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// What could be read in two ways.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }
}

/// Answers one request after another, until there is a fault or no more.
fn serve(stream: TcpStream, heard: &Mutex<Vec<Heard>>) -> Result<(), String> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answers = stream.try_clone().unwrap();
    let mut stream = BufReader::new(stream);
    while let Some(first) = line(&mut stream)? {
        let Some(request) = request(&first, &mut stream)? else { return Ok(()) };
        let body = if first.starts_with("HEAD ") { "" } else { "ok" };
        heard.lock().unwrap().push(request);
        if answers
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}").as_bytes())
            .is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// A request with this first line; `None` if the connection ends amid its body.
fn request(first: &str, stream: &mut BufReader<TcpStream>) -> Result<Option<Heard>, String> {
    let [method, target, version] = first.split(' ').collect::<Vec<_>>()[..] else {
        return Err(format!("a first line of other than three words: {first:?}"));
    };
    let is_target = target.starts_with('/') || (target == "*" && method == "OPTIONS");
    if !is_token(method) || !is_target || version != "HTTP/1.1" {
        return Err(format!("a wrong first line: {first:?}"));
    }
    let mut fields = Vec::new();
    loop {
        let text = line(stream)?.ok_or("a head that breaks off")?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').ok_or_else(|| format!("no colon in {text:?}"))?;
        if !is_token(name) || value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(format!("a wrong field: {text:?}"));
        }
        fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
    }
    let values = |name: &str| -> Vec<String> {
        fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone()).collect()
    };
    let host = values("host");
    let is_host = |host: &String| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte))
    };
    if host.len() != 1 || !host.iter().all(is_host) {
        return Err(format!("a wrong host: {host:?} in {first:?}"));
    }
    let body = match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Some(Vec::new()),
        ([length], []) => {
            let count: usize = length.parse().map_err(|_| format!("a wrong length: {length:?}"))?;
            if count.to_string() != *length {
                return Err(format!("a length that others read otherwise: {length:?}"));
            }
            bytes(stream, count)
        }
        ([], [coding]) if coding == "chunked" => chunks(stream)?,
        (length, coding) => return Err(format!("a body of {length:?} and {coding:?}")),
    };
    let case = values("x-case").concat();
    let target = target.to_owned();
    Ok(body.map(|body| Heard { case, target, fields, body }))
}

/// The chunks of a body, without extensions and without trailers; `None` if it breaks off.
fn chunks(stream: &mut BufReader<TcpStream>) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        // A body that breaks off may do so within a line.
        let Ok(Some(size)) = line(stream) else { return Ok(None) };
        let is_size = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let count = usize::from_str_radix(&size, 16).ok().filter(|_| is_size);
        let count = count.ok_or_else(|| format!("a wrong size of a chunk: {size:?}"))?;
        let Some(chunk) = bytes(stream, count + 2) else { return Ok(None) };
        if !chunk.ends_with(b"\r\n") {
            return Err(format!("a chunk of another size than {count}"));
        }
        if count == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&chunk[..count]);
    }
}

fn bytes(stream: &mut BufReader<TcpStream>, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).ok().map(|()| bytes)
}

/// A line without its end, which is a carriage return and a line feed; `None` at the end.
fn line(stream: &mut BufReader<TcpStream>) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    if stream.read_until(b'\n', &mut bytes).is_err() || bytes.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match text.strip_suffix("\r\n") {
        Some(text) if !text.contains(['\r', '\n', '\0']) => Ok(Some(text.to_owned())),
        _ => Err(format!("a line that others end elsewhere: {text:?}")),
    }
}

fn is_token(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_letter)
}
