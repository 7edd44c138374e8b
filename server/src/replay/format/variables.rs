//! What the variables of nginx and of Apache are called.

use crate::replay::format::template::{Part, Template, Variable};
use crate::replay::format::{FieldKind, Fields};

/// The template that a `log_format` of nginx describes, and the headers and cookies in it.
///
/// # Errors
///
/// What it lacks, in words.
pub(crate) fn of_nginx(pattern: &str) -> Result<(Template, Fields), &'static str> {
    // As nginx's own files spell it.
    let pattern = pattern.replace("\\t", "\t");
    let (variables, end) = variables(&pattern);
    let has = |names: &[&str]| variables.iter().any(|(_, name)| names.contains(name));
    let (mut parts, mut fields) = (Vec::new(), Fields::default());
    for (text, name) in &variables {
        let variable = match nginx(name, &mut fields) {
            // The finest of several times is the one.
            Variable::Common { .. } | Variable::Rfc3339 { .. } if has(&["msec"]) => Variable::Nothing,
            // The host that was asked for says more than what the server is called.
            Variable::Host if *name == "server_name" && has(&["host", "http_host"]) => Variable::Nothing,
            // What the client has sent is what rules see, and not what `try_files` or `rewrite` have made of it.
            Variable::Target if *name != "request_uri" && has(&["request", "request_uri"]) => {
                Variable::Nothing
            }
            variable => variable,
        };
        parts.extend([Part::Text(text.as_bytes().to_vec()), Part::Variable(variable)]);
    }
    parts.push(Part::Text(end.as_bytes().to_vec()));
    Ok((Template::new(parts)?, fields))
}

/// The names of a pattern's variables, each with the text before it; and the text behind the last.
fn variables(pattern: &str) -> (Vec<(&str, &str)>, &str) {
    let (mut found, mut rest) = (Vec::new(), pattern);
    while let Some((text, after)) = rest.split_once('$') {
        let (name, after) = match after.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some(braced) => braced,
            None => after.split_at(after.find(|letter| !is_of_name(letter)).unwrap_or(after.len())),
        };
        found.push((text, name));
        rest = after;
    }
    (found, rest)
}

const fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn nginx(name: &str, fields: &mut Fields) -> Variable {
    match name {
        "remote_addr" => Variable::Peer,
        "remote_user" => Variable::User,
        "host" | "http_host" | "server_name" => Variable::Host,
        "time_local" => Variable::Common { is_start: false },
        "time_iso8601" => Variable::Rfc3339 { is_start: false },
        "msec" => Variable::Unix,
        "request" => Variable::Line,
        "request_method" => Variable::Method,
        "request_uri" | "uri" | "document_uri" => Variable::Target,
        "args" | "query_string" => Variable::Query,
        "status" => Variable::Status,
        "request_time" => Variable::Seconds,
        "upstream_response_time" => Variable::Upstreams,
        _ if name.starts_with("upstream_") => Variable::NothingListed,
        _ => {
            if let Some(header) = name.strip_prefix("http_") {
                return Variable::Field(fields.add(FieldKind::Header, &header.replace('_', "-")));
            }
            match name.strip_prefix("cookie_") {
                Some(cookie) => Variable::Field(fields.add(FieldKind::Cookie, cookie)),
                None => Variable::Nothing,
            }
        }
    }
}

/// The template that a `LogFormat` of Apache describes, and the headers and cookies in it.
///
/// # Errors
///
/// What it lacks, in words.
pub(crate) fn of_apache(pattern: &str) -> Result<(Template, Fields), &'static str> {
    let (mut parts, mut fields) = (Vec::new(), Fields::default());
    let pattern = pattern.replace("\\\"", "\"").replace("\\t", "\t");
    let mut rest = &pattern[..];
    while let Some((text, after)) = rest.split_once('%') {
        parts.push(Part::Text(text.as_bytes().to_vec()));
        // Which statuses it is for, and of which of several requests it is, changes nothing.
        let after =
            after.trim_start_matches(|letter: char| letter.is_ascii_digit() || "!,<>".contains(letter));
        let (argument, after) = match after.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((argument, after)) => (argument, after),
            None => ("", after),
        };
        let mut letters = after.chars();
        match letters.next().ok_or("a % with nothing behind it")? {
            '%' => parts.push(Part::Text(b"%".to_vec())),
            't' if argument.is_empty() => parts.extend([
                Part::Text(b"[".to_vec()),
                Part::Variable(Variable::Common { is_start: true }),
                Part::Text(b"]".to_vec()),
            ]),
            directive => parts.push(Part::Variable(apache(directive, argument, &mut fields))),
        }
        rest = letters.as_str();
    }
    parts.push(Part::Text(rest.as_bytes().to_vec()));
    Ok((Template::new(parts)?, fields))
}

fn apache(directive: char, argument: &str, fields: &mut Fields) -> Variable {
    match (directive, argument) {
        ('h' | 'a', "") => Variable::Peer,
        ('u', "") => Variable::User,
        ('v' | 'V', "") => Variable::Host,
        ('r', "") => Variable::Line,
        ('m', "") => Variable::Method,
        ('U', "") => Variable::Target,
        ('s', "") => Variable::Status,
        ('D', "") | ('T', "us") => Variable::Whole(1),
        ('T', "ms") => Variable::Whole(1_000),
        ('T', "" | "s") => Variable::Whole(1_000_000),
        ('i', "Host" | "host") => Variable::Host,
        ('i', name) => Variable::Field(fields.add(FieldKind::Header, name)),
        ('C', name) => Variable::Field(fields.add(FieldKind::Cookie, name)),
        _ => Variable::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::request::Request;

    fn read(template: &Template, line: &str) -> Result<Request, &'static str> {
        let mut request = Request::default();
        template.read(line.as_bytes(), &mut request).map(|()| request)
    }

    #[test]
    fn a_format_of_nginx_is_read_as_it_stands_there() {
        let pattern = r#"${host} $remote_addr [$time_local] $msec "$request" $status rt=$request_time urt="$upstream_response_time" $upstream_addr $upstream_status "$http_x_plan" $cookie_session"#;
        let (template, fields) = of_nginx(pattern).unwrap();
        let line = r#"a.example 192.0.2.7 [10/Oct/2000:13:55:36 -0700] 971211336.250 "POST /x?y HTTP/1.1" 201 rt=0.750 urt="0.200, 0.300" 10.0.0.1:80, 10.0.0.2:80 502, 201 "go\x22ld" s1"#;
        let request = read(&template, line).unwrap();
        assert_eq!(
            (request.host(), request.method(), request.path(), request.query()),
            ("a.example", "POST", "/x", "y")
        );
        assert_eq!((request.time, request.is_coarse, request.is_start), (971_211_336_250_000, false, false));
        assert_eq!((request.status, request.elapsed, request.upstream), (201, Some(750_000), Some(500_000)));
        let plan = fields.number(FieldKind::Header, "X-Plan").unwrap();
        let session = fields.number(FieldKind::Cookie, "session").unwrap();
        assert_eq!(
            request.fields(plan).chain(request.fields(session)).collect::<Vec<_>>(),
            [&b"go\"ld"[..], b"s1"]
        );
    }

    #[test]
    fn a_format_of_apache_is_read_as_it_stands_there() {
        let (template, fields) =
            of_apache(r#"%v:%p %h %l %u %t \"%r\" %>s %O \"%{User-Agent}i\" %{ms}T 100%%"#).unwrap();
        let line = r#"a.example:443 192.0.2.7 - ann [10/Oct/2000:13:55:36 -0700] "GET /\"x\" HTTP/1.1" 200 17 "me \"too\"" 250 100%"#;
        let request = read(&template, line).unwrap();
        assert_eq!((request.host(), request.user(), request.path()), ("a.example", "ann", "/\"x\""));
        assert_eq!((request.time, request.is_coarse, request.is_start), (971_211_336_000_000, true, true));
        assert_eq!((request.status, request.elapsed), (200, Some(250_000)));
        let agent = fields.number(FieldKind::Header, "user-agent").unwrap();
        assert_eq!(request.fields(agent).collect::<Vec<_>>(), [b"me \"too\""]);
    }

    /// People have these formats, which they asked for help with at other tools.
    #[test]
    fn formats_that_people_have_are_read() {
        let cases = [
            (
                r"$remote_addr\t$time_local\t$request\t$request_time\t$status",
                "192.0.2.7\t10/Oct/2000:13:55:36 -0700\tGET /x?y HTTP/1.1\t0.250\t200",
            ),
            (
                "[$time_local] $remote_addr -> $upstream_addr | $scheme $request | urt: $upstream_response_time msec | rt: $request_time msec | status: $status",
                "[10/Oct/2000:13:55:36 -0700] 192.0.2.7 -> 10.0.0.1:80, 10.0.0.2:80 | https GET /x?y HTTP/1.1 | urt: - msec | rt: 0.250 msec | status: 200",
            ),
            (
                "[$time_local] $remote_addr - $server_name $host to: $upstream_addr: $request $status upstream_response_time $upstream_response_time msec $msec request_time $request_time",
                "[10/Oct/2000:13:55:36 -0700] 192.0.2.7 - _ a.example to: 127.0.0.1:8080: GET /x?y HTTP/1.1 200 upstream_response_time - msec 971211336.000 request_time 0.250",
            ),
            (
                r#""$remote_addr" - "$remote_user" "[$time_local]" "$request" "$status" "$body_bytes_sent" "$http_referer" "$http_user_agent" "-" "$request_time""#,
                r#""192.0.2.7" - "-" "[10/Oct/2000:13:55:36 -0700]" "GET /x?y HTTP/1.1" "200" "71" "-" "" "-" "0.250""#,
            ),
            (
                "$time_local|$server_addr|$request|$status|$remote_user|$remote_addr|$http_user_agent|$request_time|$uuid",
                "10/Oct/2000:13:55:36 -0700|10.0.0.1|GET /x?y HTTP/1.1|200|-|192.0.2.7|me|0.250|16",
            ),
        ];
        for (pattern, line) in cases {
            let (template, _) = of_nginx(pattern).unwrap();
            let request = read(&template, line).unwrap_or_else(|why| panic!("{why}: {line}"));
            assert_eq!((request.method(), request.path(), request.query()), ("GET", "/x", "y"), "{line}");
            assert_eq!((request.time, request.elapsed), (971_211_336_000_000, Some(250_000)), "{line}");
            assert_eq!((request.status, request.peer), (200, "192.0.2.7".parse().ok()), "{line}");
        }
    }

    /// Behind `try_files`, `$uri` is the file that serves.
    #[test]
    fn what_the_client_has_sent_wins_over_what_nginx_has_made_of_it() {
        for pattern in [
            r#"$hostname $server_name [$time_local] ${msec} "$request" $uri $document_uri $status $request_time"#,
            r#"$hostname $server_name [$time_local] ${msec} "GET $request_uri x" $uri $document_uri $status $request_time"#,
        ] {
            let (template, _) = of_nginx(pattern).unwrap();
            let line = r#"web1 a.example [10/Oct/2000:13:55:36 -0700] 971211336.250 "GET /shop/7?y x" /index.php /index.php 200 0.250"#;
            let request = read(&template, line).unwrap();
            assert_eq!((request.path(), request.query()), ("/shop/7", "y"), "{pattern}");
            assert_eq!((request.host(), request.time), ("a.example", 971_211_336_250_000), "{pattern}");
        }
        let (template, _) = of_nginx("${host} $server_name $msec $uri $status").unwrap();
        let request = read(&template, "a.example _ 971211336.250 /x 200").unwrap();
        assert_eq!((request.host(), request.path()), ("a.example", "/x"));
    }

    #[test]
    fn a_format_that_cannot_be_replayed_says_what_it_lacks() {
        let lacks = |pattern| of_nginx(pattern).unwrap_err();
        assert!(lacks("$remote_addr $request").contains("no time"));
        assert!(lacks("$time_local $status").contains("no request"));
        assert!(lacks("$msec$request").contains("nothing between"));
        assert!(of_apache("%t %").is_err() && of_apache("%h %r").is_err());
    }

    #[test]
    fn a_line_with_more_or_less_than_the_format_is_another() {
        let (template, _) = of_nginx(r#"[$time_local] "$request" $status"#).unwrap();
        let line = r#"[10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200"#;
        assert!(read(&template, line).is_ok());
        for other in
            [&line[1..], &line[..line.len() - 4], &format!("{line} 1"), "", "[", "[x] \"GET / HTTP/1.1\" 200"]
        {
            assert!(read(&template, other).is_err(), "{other}");
        }
    }
}
