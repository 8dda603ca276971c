//! Every key of the config file: how it is spelled, what it takes, what it is when it is not written.
//!
//! The reader takes names and defaults from here, unknown keys are what is not here, and `docs/config.md` is printed
//! from it, so none of the three can differ from the others.

/// A table of the file and the keys it may hold.
#[derive(Debug)]
pub struct Shape {
    /// How it is headed: `[server]`, `[[app]]`, `fresh = { … }`.
    pub header: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// What it is when it is not written.
    pub fallback: Fallback,
    /// What it is for.
    pub doc: &'static str,
}

/// What a key is when it is not written.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// It must be written.
    Required,
    /// There is none, and this is what it means.
    Absent(&'static str),
    /// This value, as it would be written.
    Value(&'static str),
}

use Fallback::{Absent, Required, Value};

macro_rules! shapes {
    ($($module:ident $header:literal $doc:literal {
        $($key:ident $name:literal ($takes:literal) $fallback:expr, $what:literal;)*
    })*) => {
        $(
            #[doc = concat!("`", $header, "`: ", $doc)]
            pub mod $module {
                use super::*;
                $(
                    #[doc = $what]
                    pub const $key: Key = Key { name: $name, takes: $takes, fallback: $fallback, doc: $what };
                )*
                /// The table.
                pub const SHAPE: &Shape = &Shape { header: $header, doc: $doc, keys: &[$($key),*] };
            }
        )*
        /// Every table, in the order of the reference.
        pub const ALL: &[&Shape] = &[$($module::SHAPE),*];
    };
}

shapes! {
    root "" "The file itself." {
        SERVER "server" ("table") Absent("every key of it has a default"), "Sockets, and how the process behaves.";
        TLS "tls" ("table") Required, "What is shown to browsers.";
        PORTAL "portal" ("table") Required, "The gateway's own pages.";
        STORE "store" ("table") Absent("every key of it has a default"), "Where state is kept.";
        SESSION "session" ("table") Absent("every key of it has a default"), "How long sessions live.";
        MFA "mfa" ("table") Absent("every key of it has a default"), "Second factors.";
        HOLD "hold" ("table") Absent("every key of it has a default"), "Forms that wait while people sign in or step up.";
        POLICY "policy" ("tables by name") Absent("only `public` and `deny` exist"), "What routes demand.";
        APP "app" ("list of tables") Required, "The protected applications.";
        TEST "test" ("list of tables") Absent("nothing is claimed"), "Requests, and what must become of them.";
    }
    server "[server]" "Sockets, and how the process behaves." {
        LISTEN "listen" ("list of IP:port") Value(r#"["0.0.0.0:8443"]"#),
            "Where HTTPS is served. `\"[::]:8443\"` is IPv6, on most systems IPv4 too.";
        REDIRECT "redirect" ("list of IP:port") Value("[]"), "Where plain HTTP is answered with 308 to HTTPS; nothing else is served there.";
        ADMIN "admin" ("IP:port or \"off\"") Value(r#""127.0.0.1:9443""#),
            "Management API, health and metrics. Keep it where only operators reach it.";
        TRUSTED_PROXIES "trusted_proxies" ("list of networks") Value("[]"),
            "Load balancers whose `X-Forwarded-For` is believed. From anybody else it is thrown away.";
        WORKERS "workers" ("number") Absent("one for each core"), "Threads that carry requests.";
        BODY_MAX "body_max" ("size") Value(r#""100MiB""#), "Longest request body; longer ones get 413.";
        LOG "log" ("\"human\" or \"json\"") Value(r#""human""#), "How log lines look.";
        DRAIN "drain" ("duration") Value(r#""30s""#), "How long open requests may take to finish when the gateway stops.";
    }
    tls "[tls]" "What is shown to browsers." {
        CERTIFICATES "certificates" ("list of { cert, key }") Required, "Chosen by the name a browser asks for, the first where none fits; read again when the files change.";
    }
    certificate "certificates = [{ … }]" "A certificate and its key." {
        CERT "cert" ("path") Required, "PEM file: the certificate, then its chain.";
        KEY "key" ("path") Required, "PEM file: the private key.";
    }
    portal "[portal]" "The gateway's own pages: the only origin that ever sees a password." {
        URL "url" ("https URL") Required, "Where browsers find them; the port is the one browsers see. Never a host of an app.";
        NAME "name" ("text") Value(r#""Doorward""#), "Whose front door this is: the name on every page.";
        SUPPORT_URL "support_url" ("https or mailto URL") Absent("no link is shown"), "Where people who are stuck are sent.";
        ACCENT "accent" ("#rrggbb") Value(r##""#14634f""##), "Colour of buttons. White text on it must be readable, 4.5:1.";
    }
    store "[store]" "Where state is kept." {
        URL "url" ("URL or \"file:PATH\" that holds it") Value(r#""sqlite:doorward.db""#),
            "`sqlite:PATH` for one node, `postgres://…` for several, `memory:` for trying things out.";
        KEY_FILE "key_file" ("path") Value(r#""doorward.key""#), "The key that seals TOTP secrets and signing keys. Keep it, and its backup, apart from the store's.";
    }
    session "[session]" "How long sessions live." {
        LIFETIME "lifetime" ("duration") Value(r#""12h""#), "A session this old is over, however busy.";
        IDLE "idle" ("duration") Value(r#""30m""#), "A session unused for this long is over.";
    }
    mfa "[mfa]" "Second factors." {
        REQUIREMENT "requirement" ("\"required\", \"optional\" or \"disabled\"") Value(r#""required""#), "Who must have one: everybody, whoever enrolled one, nobody.";
        METHODS "methods" ("list of methods") Value(r#"["passkey", "totp"]"#), "What may be enrolled: `passkey`, `totp`.";
        RECOVERY_CODES "recovery_codes" ("number") Value("10"), "Codes for the day a phone is lost, shown once after the first enrolment; 0 switches them off.";
    }
    hold "[hold]" "Forms that people sent without a session, or with a stale one: kept sealed in the store, and sent once they have proven who they are." {
        BODY_MAX "body_max" ("size") Value(r#""10MiB""#), "Longest form that is kept, files included. Who sends a longer one is told to confirm first and send again.";
        TOTAL_MAX "total_max" ("size") Value(r#""1GiB""#), "All that is kept at once. Visitors who are not signed in get half of it at most.";
    }
    policy "[policy.NAME]" "What routes demand. `public` lets everybody pass, `deny` nobody; both exist without being written." {
        LEVEL "level" ("\"public\", \"login\", \"mfa\" or \"phishing-resistant\"") Required, "How strong a session must be: none, one proof, proofs of two kinds, a passkey.";
        FRESH "fresh" ("{ any, within }") Absent("a proof of any age will do"), "How recent a proof must be.";
        GROUPS "groups" ("list of text") Value("[]"), "Groups of which people must be in one; nobody is left out where it is empty.";
    }
    fresh "fresh = { … }" "How recent a proof must be." {
        ANY "any" ("list of methods") Required, "Methods of which one will do: `password`, `totp`, `passkey`, `recovery-code`.";
        WITHIN "within" ("duration") Required, "How old that proof may be.";
    }
    app "[[app]]" "One protected application. Its routes are tried in order, the first that fits decides." {
        NAME "name" ("a-z, 0-9 and -") Required, "Its name in logs, and `aud` of assertions.";
        TITLE "title" ("text") Absent("the name, capitalised"), "What people call it: shown on the pages.";
        HOST "host" ("host name") Absent("`hosts` is written instead"), "The host it answers on.";
        HOSTS "hosts" ("list of host names") Absent("`host` is written instead"), "The hosts it answers on; people are sent to the first.";
        UPSTREAM "upstream" ("list of URLs") Required, "Its servers: scheme, host and port.";
        UPSTREAM_CA "upstream_ca" ("path") Absent("the system's authorities"), "PEM file of authorities that vouch for `https://` upstreams.";
        POLICY "policy" ("policy name") Absent("what no route names is not found"), "What holds where no route fits.";
        ALLOW_IN_PATH "allow_in_path" ("list of \";\" and \"%2F\"") Value("[]"), "Characters that servers read differently and this application needs.";
        HEADERS "headers" ("preset or { user, name, email, groups }") Value(r#""default""#),
            "Names under which it is told who is there; presets: `default`, `authelia`, `oauth2-proxy`, `grafana`.";
        ASSERTION "assertion" ("true or false") Value("true"), "Whether the signed `Doorward-Assertion` is sent.";
        WEBSOCKET "websocket" ("true or false") Value("true"), "Whether a WebSocket may be opened.";
        STEP_UP_FROM_APP "step_up_from_app" ("true or false") Value("false"),
            "Whether its 401 with `insufficient_user_authentication` (RFC 9470) sends people to step up; what they asked for is then asked again. Every form goes through the store first.";
        HEALTH "health" ("{ path, interval }") Absent("every server counts as healthy"), "How its servers are probed.";
        HOST_HEADER "host_header" ("\"preserve\" or \"upstream\"") Value(r#""preserve""#), "Which `Host` it sees: the browser's, or the one in `upstream`.";
        CONNECT_TIMEOUT "connect_timeout" ("duration") Value(r#""5s""#), "How long connecting may take.";
        RESPONSE_TIMEOUT "response_timeout" ("duration") Value(r#""60s""#), "How long it may take to begin its answer.";
        ROUTE "route" ("list of tables") Value("[]"), "Its routes.";
    }
    headers "headers = { … }" "Names under which an application is told who is there." {
        USER "user" ("header name") Value(r#""Remote-User""#), "The login id.";
        NAME "name" ("header name") Value(r#""Remote-Name""#), "The name people know.";
        EMAIL "email" ("header name") Value(r#""Remote-Email""#), "The e-mail address.";
        GROUPS "groups" ("header name") Value(r#""Remote-Groups""#), "The groups, separated by commas.";
    }
    health "health = { … }" "How an application's servers are probed." {
        PATH "path" ("path") Required, "Answered with 2xx by a healthy server.";
        INTERVAL "interval" ("duration") Value(r#""5s""#), "Time between two probes.";
    }
    route "[[app.route]]" "A match inside an app, and the policy that holds there." {
        PATH "path" ("glob") Required, "`*` is within one segment, `**` is any depth; `/a/**` matches `/a` too.";
        METHODS "methods" ("list of methods") Value("[]"), "Methods it is for; all where it is empty. `GET` is `HEAD` too.";
        POLICY "policy" ("policy name") Required, "What holds there.";
        LABEL "label" ("text") Absent("pages name only the app"), "What people step up for: \"transfers\".";
        CASE_SENSITIVE "case_sensitive" ("true or false") Value("false"), "Whether the application tells `/Admin` from `/admin`. Public routes always compare exactly.";
        STREAMS "streams" ("\"session\" or \"obey\"") Value(r#""session""#), "What an open WebSocket or response goes on to need: a live session, or all that the policy asks for, so that it is cut when the last proof is too old.";
        OVERLAP "overlap" ("\"intended\"") Absent("hiding a later route is an error"), "Says that this public route means to hide a later, protecting one.";
    }
    test "[[test]]" "A request, and what must become of it. `doorward check` runs them, and so does every reload." {
        NAME "name" ("text") Required, "What it claims.";
        REQUEST "request" ("METHOD https://host/path") Required, "The request.";
        USER "user" ("{ name, groups }") Absent("nobody known, unless `did` is written"), "Who sends it.";
        DID "did" ("list of \"METHOD AGE ago\"") Value("[]"), "What they have proven: `\"totp 10m ago\"`.";
        EXPECT "expect" ("forward, sign-in, step-up, deny, not-found or refuse") Required, "What must become of it.";
        ROUTE "route" ("label or path of a route") Absent("any route"), "The route that must decide.";
        POLICY "policy" ("policy name") Absent("any policy"), "The policy that must decide.";
    }
    test_user "user = { … }" "Who sends a test's request." {
        NAME "name" ("text") Required, "Their login id.";
        GROUPS "groups" ("list of text") Value("[]"), "Their groups.";
    }
}
