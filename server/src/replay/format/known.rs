//! The formats that are known by name, and the spellings in which servers are told to write them.

use std::sync::Arc;

use timebudget::Zone;

use crate::replay::format::Format;
use crate::replay::format::variables::{of_apache, of_nginx};

/// A format, and the names that ask for it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) names: &'static [&'static str],
    pub(crate) format: Format,
    /// Whether it reads whole numbers as microseconds, or seconds, which no number tells of itself.
    pub(crate) whole: Option<Whole>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Micros,
    Seconds,
}

const NGINX: &[&str] = &["nginx"];
const MICROS: &[&str] = &["apache", "apache-us"];
const SECONDS: &[&str] = &["apache", "apache-s"];

/// nginx's and Apache's format `combined`, as nginx spells it.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// What follows `combined` in formats of nginx, and what they are called.
const BEHIND: &[(&str, &str)] = &[
    (" $request_time", "combined and $request_time"),
    (" \"$request_time\"", "combined and $request_time"),
    (" $request_time $upstream_response_time", "combined, $request_time and $upstream_response_time"),
    (" \"$request_time\" \"$upstream_response_time\"", "combined, $request_time and $upstream_response_time"),
    (" rt=$request_time", "combined and rt=$request_time"),
    (
        " rt=$request_time uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" urt=\"$upstream_response_time\"",
        "combined with upstream times",
    ),
    (
        " rt=$request_time uct=$upstream_connect_time uht=$upstream_header_time urt=$upstream_response_time",
        "combined with upstream times",
    ),
    (" rt=$request_time urt=$upstream_response_time", "combined with upstream times"),
    (" \"$http_x_forwarded_for\" $request_time", "main and $request_time"),
    (" \"$http_x_forwarded_for\" \"$request_time\"", "main and $request_time"),
    (
        " \"$http_x_forwarded_for\" $request_time $upstream_response_time",
        "main, $request_time and $upstream_response_time",
    ),
    (" \"$http_x_forwarded_for\" rt=$request_time", "main and rt=$request_time"),
    (
        " \"$http_x_forwarded_for\" rt=$request_time urt=\"$upstream_response_time\"",
        "main with upstream times",
    ),
    (
        " \"$http_x_forwarded_for\" \"$host\" sn=\"$server_name\" rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" ut=\"$upstream_response_time\" ul=\"$upstream_response_length\" cs=$upstream_cache_status",
        "main_ext",
    ),
    (
        " $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id",
        "ingress-nginx",
    ),
    (" \"$http_x_forwarded_for\"", "main, without a duration"),
    ("", "combined, without a duration"),
];

/// What Apache is told to write beside its time, and what that is called.
const APACHE: &[(&str, &str)] = &[
    (r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D"#, "combined and %D"),
    (r#"%h %l %u %t "%r" %>s %b %D"#, "common and %D"),
    (r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %D"#, "vhost_combined and %D"),
    (r#"%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D"#, "%v, combined and %D"),
];

/// Both of Apache's times, of which the second is exact.
const BOTH: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{none}n/%D"#;

/// Traefik's own common format, in nginx's words; its time is the start's.
const TRAEFIK: &str =
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{count}n "%{router}n" "%{url}n" %{ms}Tms"#;

/// All that are known, those that say more before those that say less.
pub(crate) fn all(zone: Option<&Arc<Zone>>) -> Vec<Known> {
    let one = |names, format| Known { names, format, whole: None };
    let mut all = vec![
        one(&["timebudget"], Format::own()),
        one(&["caddy"], Format::caddy(zone.cloned())),
        one(&["traefik", "traefik-json"], Format::traefik()),
        one(&["haproxy"], Format::haproxy(zone.cloned())),
    ];
    let apache =
        |pattern: &str, name: String| of_apache(pattern).ok().map(|(t, f)| Format::of_template(name, t, f));
    let traefik = of_apache(TRAEFIK).map(|(template, fields)| (template.with_bare_dashes(), fields)).ok();
    let traefik = traefik.map(|(t, f)| Format::of_template("Traefik, common", t, f));
    all.extend(traefik.map(|format| one(&["traefik"], format)));
    let nginx =
        |pattern: &str, name: String| of_nginx(pattern).ok().map(|(t, f)| Format::of_template(name, t, f));
    for (before, of_host) in [("", ""), ("$host ", "$host, "), ("$host:$server_port ", "$host, ")] {
        for (behind, name) in BEHIND {
            let format = nginx(&format!("{before}{COMBINED}{behind}"), format!("nginx, {of_host}{name}"));
            all.extend(format.map(|format| one(NGINX, format)));
        }
    }
    all.extend(apache(BOTH, "Apache, combined and %T/%D".to_owned()).map(|format| one(MICROS, format)));
    for (pattern, name) in APACHE {
        let of = |pattern: &str, name: &str| apache(pattern, format!("Apache, {name}"));
        let micros =
            of(pattern, name).map(|format| Known { names: MICROS, format, whole: Some(Whole::Micros) });
        let seconds = of(&pattern.replace("%D", "%T"), &name.replace("%D", "%T"));
        let seconds = seconds.map(|format| Known { names: SECONDS, format, whole: Some(Whole::Seconds) });
        all.extend(micros.into_iter().chain(seconds));
    }
    let common = apache(r#"%h %l %u %t "%r" %>s %b"#, "Apache, common, without a duration".to_owned());
    all.extend(common.map(|format| one(&["apache"], format)));
    all
}

/// The names that can be asked for.
pub(crate) const NAMES: &str =
    "nginx, apache, apache-us, apache-s, caddy, traefik, traefik-json, haproxy or timebudget";

/// The format that somebody has written out, of nginx or of Apache.
///
/// # Errors
///
/// What it lacks, in words.
pub(crate) fn written(pattern: &str) -> Result<Format, &'static str> {
    let (server, read) = match pattern.contains('$') {
        true => ("nginx", of_nginx(pattern)),
        false => ("Apache", of_apache(pattern)),
    };
    let (template, fields) = read?;
    Ok(Format::of_template(format!("{server}, as written"), template, fields))
}
