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
        RISK "risk" ("table") Absent("no sign-in is assessed, and nothing is kept to compare it with"), "Sign-ins that are unlike somebody's earlier ones.";
        HOLD "hold" ("table") Absent("every key of it has a default"), "Forms that wait while people sign in or step up.";
        PASSWORD "password" ("table") Absent("every key of it has a default"), "What new passwords must be like.";
        SIGN_UP "sign_up" ("table") Absent("every key of it has a default"), "Accounts that people make.";
        MAIL "mail" ("table") Absent("no letters are sent"), "How letters leave.";
        SMS "sms" ("table") Absent("no text messages are sent"), "How text messages leave.";
        VOICE "voice" ("table") Absent("nobody is called"), "How calls are made that read a code out.";
        RECORDS "records" ("table") Absent("no decision is recorded"), "A record of each decision, for `explain --id` and `replay`.";
        NETWORKS "networks" ("lists by name") Absent("none has a name"), "Lists of addresses that routes can name.";
        LEVEL "level" ("tables by name") Absent("only the built-in levels exist"), "Levels of your own.";
        MINIMUM "minimum" ("table") Absent("there is no floor"), "What no route may go below.";
        POLICY "policy" ("tables by name") Absent("only `public` and `deny` exist"), "What routes demand.";
        APP "app" ("list of tables") Required, "The protected applications.";
        TEST "test" ("list of tables") Absent("nothing is claimed"), "Requests, and what must become of them.";
    }
    server "[server]" "Sockets, and how the process behaves." {
        LISTEN "listen" ("list of IP:port") Value(r#"["0.0.0.0:8443"]"#),
            "Where HTTPS is served. `\"[::]:8443\"` is IPv6, on most systems IPv4 too. Only a start looks at it.";
        REDIRECT "redirect" ("list of IP:port") Value("[]"), "Where plain HTTP is answered with 308 to HTTPS; nothing else is served there.";
        ADMIN "admin" ("IP:port or \"off\"") Value(r#""127.0.0.1:9443""#),
            "Management API, health and metrics. Keep it where only operators reach it.";
        ADMIN_KEY "admin_key" ("text or \"file:PATH\" that holds it") Absent("the management API changes nothing"),
            "The bearer key of the management API, at least 32 characters: `openssl rand -hex 32` makes one.";
        TRUSTED_PROXIES "trusted_proxies" ("list of networks") Value("[]"),
            "Load balancers whose `X-Forwarded-For` is believed. From anybody else it is thrown away.";
        WORKERS "workers" ("number") Absent("one for each core"), "Threads that carry requests. Only a start looks at it.";
        CONNECTIONS "connections" ("number") Absent("half as many as the process may have files open, less 128"),
            "Connections of browsers at once, WebSockets among them. Each may take one more file for a connection to an application, one of HTTP/2 as many as it has requests under way there. Whoever comes beyond that is hung up on. Only a start looks at it.";
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
        PRIVACY_URL "privacy_url" ("https URL") Absent("no link is shown"), "What is done with people's data: linked below every page.";
        FOOTER "footer" ("text") Absent("no line is shown"), "One line below every page.";
        MARK "mark" ("path") Absent("Doorward's own door"), "SVG or PNG file of at most 64 KiB: the square mark beside `name` on every page, and in the browser's tab.";
        LANGUAGE "language" ("\"en\", \"de\", \"fr\" or \"es\"") Value(r#""en""#), "In which language letters, text messages and calls are to people whose own is not known yet: it is learned from their browser when they sign in. The pages are in English.";
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
        REQUIREMENT "requirement" ("\"required\", \"optional\", \"risk-based\" or \"disabled\"") Value(r#""required""#), "Whom signing in takes one from: everybody, whoever enrolled one, whose sign-in reaches `risk.require`, nobody.";
        GROUPS "groups" ("table: group = requirement") Absent("nobody is treated otherwise"), "What holds for the members of a group besides: `finance = \"required\"`. The strictest that fits somebody holds, so a group only adds to `requirement`.";
        FIRST_FACTOR "first_factor" ("\"operator\" or \"mailbox\"") Value(r#""operator""#), "What the first second factor takes beside the password, of whomever signing in or an app asks for more than that: an operator's word (the day after `user add` or `user reset-mfa`, or an invitation), or a code from the account's mailbox too, wherever `[mail]` is set up. Mail resets passwords, so with `mailbox` whoever reads the mail of somebody who has no second factor can get to `mfa`. Who is asked for nothing more needs a password from a moment ago.";
        METHODS "methods" ("list of methods") Value(r#"["passkey", "security-key", "totp"]"#), "What may be enrolled: `passkey`, `security-key`, `totp`, `sms-code`, `voice-code`, `email-code`, `email-link`. Codes and links go to addresses that are known to be somebody's. Mail is never `mfa` beside a password, for it can reset it; phone numbers can be taken over, so offer something stronger too.";
        GROUP_METHODS "group_methods" ("table: group = list of methods") Absent("everybody may enrol all of `methods`"), "What the members of a group may enrol of it: `finance = [\"passkey\"]`. Who is in several such groups may enrol what all of them may. For an app, write a `[level.NAME]` and ask for it.";
        GRACE "grace" ("duration or \"off\"") Value(r#""off""#),
            "How long somebody may sign in without the second factor that is required of them, from their first sign-in under the requirement on; at most 90 days. They are reminded at each sign-in. It makes no session stronger: what asks for `mfa` asks them too. Nor does it open the set-up: use it with `first_factor = \"mailbox\"`. New passwords have `password.min_length_alone` then.";
        RECOVERY_CODES "recovery_codes" ("number") Value("10"), "Codes for the day a phone is lost, shown once after the first enrolment; 0 switches them off.";
        REMEMBER "remember" ("duration or \"off\"") Value(r#""30d""#),
            "How long a browser may spare its user the second step of a sign-in, if they tick that there; at most 30 days. It never counts where a policy asks for `mfa` or a fresh proof.";
    }
    risk "[risk]" "Sign-ins that are unlike somebody's earlier ones. What shows is written down, weighs something, and calls for something. Of each sign-in the browser's mark, network (/24 or /48), country, a point to a tenth of a degree and the time are kept for 90 days, and then only when the last was." {
        GEO "geo" ("path") Absent("`new-country` and `impossible-travel` never show"), "A database of countries or cities in the format of `MaxMind`: `GeoLite2-City.mmdb`. Travel needs cities. It is read again when it changes.";
        LISTED "listed" ("list of names") Value("[]"), "Names of `[networks]` from where a sign-in is a signal by itself.";
        WEIGHTS "weights" ("table") Absent("each as `[risk.weights]` says"), "What each signal weighs: `{ new-device = 20 }`. Their sum, at most 100, is the score.";
        NOTIFY "notify" ("number") Absent("no letter is sent"), "From this score on the account's owner gets a letter, with a link that ends the sign-in.";
        REQUIRE "require" ("number") Absent("no second factor is asked for"), "From this score on a second factor is asked for, in remembered browsers too, and of those to whom `mfa.requirement` leaves the choice. Who has none must set one up, if they still may.";
        DENY "deny" ("number") Absent("nobody is refused"), "From this score on the sign-in is refused.";
        ON "on" ("table") Absent("the score alone decides"), "What a signal calls for by itself: `{ impossible-travel = \"deny\" }`.";
    }
    risk_weights "[risk.weights]" "What a signal weighs: 0 to 100." {
        NEW_DEVICE "new-device" ("number") Value("20"), "They did not sign in with this browser in the last 30 days.";
        NEW_COUNTRY "new-country" ("number") Value("30"), "They did not sign in from this country in the last 90 days.";
        NEW_NETWORK "new-network" ("number") Value("10"), "They did not sign in from this /24 (IPv4) or /48 (IPv6) in the last 90 days.";
        IMPOSSIBLE_TRAVEL "impossible-travel" ("number") Value("60"), "They would have had to come faster than by air: 1000 km/h, after the first 500 km.";
        LISTED_ADDRESS "listed-address" ("number") Value("40"), "The address is in one of `listed`.";
        PASSWORD_CHANGED "password-changed" ("number") Value("15"), "Their password was changed since they last signed in.";
        RECENT_FAILURES "recent-failures" ("number") Value("20"), "Five or more wrong tries were made within the hour.";
    }
    risk_on "[risk.on]" "What a signal calls for, whatever the score." {
        NEW_DEVICE "new-device" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "A browser that is new to them.";
        NEW_COUNTRY "new-country" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "A country that is new to them.";
        NEW_NETWORK "new-network" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "A network that is new to them.";
        IMPOSSIBLE_TRAVEL "impossible-travel" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "A place too far from their last.";
        LISTED_ADDRESS "listed-address" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "An address of `listed`.";
        PASSWORD_CHANGED "password-changed" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "A password that is new.";
        RECENT_FAILURES "recent-failures" ("\"notify\", \"require\" or \"deny\"") Absent("only its weight counts"), "Many wrong tries. Anybody can make them, so never `deny`.";
    }
    sign_up "[sign_up]" "Accounts that people make." {
        MODE "mode" ("\"closed\", \"invite\" or \"open\"") Value(r#""closed""#), "Who may: nobody, so that operators do; whom `doorward user invite` has given a link; whoever reads the mail of an address, which needs `[mail]`.";
    }
    mail "[mail]" "How letters leave: codes, links, and what happened to an account." {
        FROM "from" ("address") Required, "Who they are from: `\"Example Corp <no-reply@example.com>\"`.";
        URL "url" ("URL or \"outbox:FOLDER\"") Required,
            "`smtps://HOST` is TLS from the start (port 465), `smtp://HOST` demands STARTTLS (port 587), `smtp+plain://HOST` hides nothing (port 25). `outbox:FOLDER` writes a file for each instead.";
        USER "user" ("text") Absent("nobody logs in"), "The login at the server.";
        PASSWORD "password" ("text or \"file:PATH\" that holds it") Absent("nobody logs in"), "Its password.";
        CA "ca" ("path") Absent("the system's authorities"), "PEM file of authorities that vouch for the server.";
        NOTE "note" ("text") Absent("no line is written"), "One line below every letter, in whatever language it is: where help is.";
        TIMEOUT "timeout" ("duration") Value(r#""10s""#), "How long one may take: somebody waits for the code.";
    }
    sms "[sms]" "How text messages leave." {
        COUNTRIES "countries" ("list of prefixes") Required, "Whose numbers may be texted: `[\"+44\", \"+353\"]`. Some numbers abroad earn their owners money with each message; `[\"+\"]` is the whole world.";
        PER_HOUR "per_hour" ("number") Value("300"), "How many text messages go to one country (`+44`, `+1`) in an hour of the clock, notices too, whoever asks and whether or not the codes come back. What more are asked for wait for the next hour: people are told to use another way.";
        URL "url" ("URL or \"outbox:FOLDER\"") Absent("the preset's own"), "Whom to ask. `outbox:FOLDER` writes a file for each instead, to try things out.";
        PRESET "preset" ("\"twilio\"") Absent("`url` and `body` say it all"), "A service that is known: needs `account`, `token` and `from`.";
        ACCOUNT "account" ("text") Absent("no preset"), "The preset's account.";
        TOKEN "token" ("text or \"file:PATH\" that holds it") Absent("no preset"), "Its token.";
        FROM "from" ("text") Absent("no preset"), "Our number or sender name there.";
        METHOD "method" ("HTTP method") Value(r#""POST""#), "Without a preset: how to ask.";
        HEADERS "headers" ("list of \"Name: value\", each may be a \"file:PATH\" that holds it") Value("[]"), "Without a preset: header fields, `[\"Authorization: Bearer ${SMS_TOKEN}\"]`.";
        CONTENT_TYPE "content_type" ("\"json\", \"form\" or \"plain\"") Value(r#""json""#), "Without a preset: what the body is. Values are escaped for it.";
        BODY "body" ("text") Absent("a preset or an outbox"), "Without a preset: the body. `{to}`, `{text}` and `{code}` are filled in; in JSON inside quotes.";
        TIMEOUT "timeout" ("duration") Value(r#""10s""#), "How long one may take.";
    }
    voice "[voice]" "How calls are made that read a code out." {
        COUNTRIES "countries" ("list of prefixes") Required, "Whose numbers may be called: `[\"+44\", \"+353\"]`. Some numbers abroad earn their owners money with each call; `[\"+\"]` is the whole world.";
        PER_HOUR "per_hour" ("number") Value("300"), "How many calls are made to one country (`+44`, `+1`) in an hour of the clock, whoever asks and whether or not the codes come back. What more are asked for wait for the next hour: people are told to use another way.";
        URL "url" ("URL or \"outbox:FOLDER\"") Absent("the preset's own"), "Whom to ask. `outbox:FOLDER` writes a file for each instead, to try things out.";
        PRESET "preset" ("\"twilio\"") Absent("`url` and `body` say it all"), "A service that is known: needs `account`, `token` and `from`.";
        ACCOUNT "account" ("text") Absent("no preset"), "The preset's account.";
        TOKEN "token" ("text or \"file:PATH\" that holds it") Absent("no preset"), "Its token.";
        FROM "from" ("text") Absent("no preset"), "Our number there.";
        METHOD "method" ("HTTP method") Value(r#""POST""#), "Without a preset: how to ask.";
        HEADERS "headers" ("list of \"Name: value\", each may be a \"file:PATH\" that holds it") Value("[]"), "Without a preset: header fields, `[\"Authorization: Bearer ${SMS_TOKEN}\"]`.";
        CONTENT_TYPE "content_type" ("\"json\", \"form\" or \"plain\"") Value(r#""json""#), "Without a preset: what the body is. Values are escaped for it.";
        BODY "body" ("text") Absent("a preset or an outbox"), "Without a preset: the body. `{to}`, `{text}` and `{code}` are filled in; in JSON inside quotes.";
        TIMEOUT "timeout" ("duration") Value(r#""10s""#), "How long one may take.";
    }
    password "[password]" "What new passwords must be like. Common ones, and those made of the owner's names, are always refused; nothing else is asked for." {
        MIN_LENGTH "min_length" ("number") Value("8"), "Fewest characters where `mfa.requirement` is `required`; 8 to 64.";
        MIN_LENGTH_ALONE "min_length_alone" ("number") Value("15"), "Fewest characters where a password may be all that one signs in with; 8 to 64.";
        SCORE "score" ("number") Value("2"), "How hard to guess they must be, by the estimate of zxcvbn: 0, anything goes, to 4.";
        BREACHED "breached" ("path") Absent("no such list is asked"),
            "File of breached ones: SHA-1 hashes, one a line, sorted, as Have I Been Pwned offers them. It is searched where it lies.";
    }
    records "[records]" "A record of each decision, one line of JSON: what `doorward explain --id` and `doorward replay` read. Half a kilobyte for each request, without passwords, cookies or whole queries, but with who asked for what: the file is for its owner alone." {
        FILE "file" ("path") Required, "Where they are written.";
        MAX "max" ("size") Value(r#""100MiB""#), "How long the file may grow. Then it becomes `FILE.1`, in place of the one before, so twice this much is kept.";
        KEEP "keep" ("\"all\" or \"refused\"") Value(r#""all""#), "`refused` records only what did not pass, or passed only in report mode. `replay` then sees nothing of what passed.";
    }
    networks "[networks]" "Lists of addresses by name: `office = [\"10.0.0.0/8\", \"file:office.txt\"]`. A file has one network a line; what follows a # is left out." {}
    level "[level.NAME]" "A level of your own: proofs by certain methods. Policies ask for it by its name, which is also the `acr` of assertions. It counts as at least the built-in level that its weakest way amounts to; no built-in level stands in for it." {
        ALL_OF "all_of" ("list of { any, level }") Required, "What must be proven: all of it.";
    }
    part "all_of = [{ … }]" "A part of a level: one of two keys." {
        ANY "any" ("list of methods") Absent("`level` is written instead"), "Methods of which one must have been proven.";
        LEVEL "level" ("level name") Absent("`any` is written instead"), "Another level that must be reached.";
    }
    minimum "[minimum]" "What no route of any app may go below: an error of `check` names both. `deny` is above everything." {
        LEVEL "level" ("level name") Required, "The least that a route may ask for.";
        PUBLIC "public" ("true or false") Value("false"), "Whether public routes are allowed all the same: health checks, style sheets.";
    }
    hold "[hold]" "Forms that people sent without a session, or with a stale one: kept sealed in the store, and sent once they have proven who they are." {
        BODY_MAX "body_max" ("size") Value(r#""10MiB""#), "Longest form that is kept, files included. Who sends a longer one is told to confirm first and send again.";
        TOTAL_MAX "total_max" ("size") Value(r#""1GiB""#), "All that is kept at once. Visitors who are not signed in get half of it at most.";
    }
    policy "[policy.NAME]" "What routes demand. `public` lets everybody pass, `deny` nobody; both exist without being written." {
        LEVEL "level" ("\"public\", \"deny\", \"login\", \"mfa\", \"phishing-resistant\" or a level name") Required, "How strong a session must be: none, one proof, proofs of two kinds, a passkey, a `[level.NAME]`. `deny` lets nobody pass.";
        FRESH "fresh" ("{ any, within, once } or a list of them") Absent("a proof of any age will do"), "How recent a proof must be. All of a list must hold; they are asked for in its order.";
        MAX_AGE "max_age" ("duration") Absent("as long as the session lives"), "How old a proof may be that counts towards `level`: a session limit of this policy, shorter than `session.lifetime`.";
        IDLE "idle" ("duration") Absent("as long as `session.idle` says"), "For how long nobody may have used the browser, at least two minutes and less than `session.idle`. Who was away for longer is asked who is there, and no laxer route makes good for it. Routes with `background = true` and open streams are no use.";
        REMEMBER "remember" ("true or false") Value("true"), "Whether a sign-in will do whose second step a remembered browser spared. `false` has that step made after all, once a session. From `mfa` on it changes nothing.";
        GROUPS "groups" ("list of text") Value("[]"), "Groups of which people must be in one; nobody is left out where it is empty.";
        USERS "users" ("list of login ids") Value("[]"), "Login ids of which theirs must be one; nobody is left out where it is empty. Beside `groups` both must hold.";
        ALLOW "allow" ("{ groups, users, any_of, all_of, not }") Absent("`groups` and `users` decide alone"), "Who may pass, put together. Beside `groups` and `users` all must hold.";
        RISK "risk" ("{ ask, level, deny, on }") Absent("the risk of a sign-in does not matter"), "What it asks of sessions whose sign-in was unlike earlier ones.";
        MESSAGE "message" ("text") Absent("the page names only the app"), "What people read whom this policy never lets pass: whom to ask.";
        MODE "mode" ("\"enforce\" or \"report\"") Value(r#""enforce""#), "`report` forwards every request, and logs and counts what would have been refused.";
    }
    fresh "fresh = { … }" "How recent a proof must be." {
        ANY "any" ("list of methods") Required, "Methods of which one will do: `password`, `totp`, `passkey`, `security-key`, `sms-code`, `voice-code`, `email-code`, `email-link`, `recovery-code`.";
        WITHIN "within" ("duration or \"session\"") Absent("5m with `once`; else it must be written"), "How old that proof may be; `\"session\"` for any of this session.";
        ONCE "once" ("true or false") Value("false"), "Whether it pays for one request alone: it is made on the way to that request, to the last byte of its body, and is spent when that passes. One clause of a policy can say so; bodies longer than `hold.body_max` get 413.";
    }
    policy_risk "[policy.NAME.risk]" "What a policy makes of the score that `[risk]` gave a session's sign-in: `risk = { ask = 40, deny = 80 }`." {
        ASK "ask" ("number") Absent("no more is asked for"), "From this score on the session must have reached `level`; a step-up does it.";
        LEVEL "level" ("\"mfa\" or \"phishing-resistant\"") Value(r#""mfa""#), "What answers the risk.";
        DENY "deny" ("number") Absent("nobody is refused"), "From this score on nobody passes, whatever they prove.";
        ON "on" ("table") Absent("only the score counts"), "What a signal does here, whatever the score: `require` asks for `level`, `deny` lets nobody pass. `notify` belongs into `[risk.on]`: a sign-in is told to its owner once, where it happens.";
    }
    allow "allow = { … }" "A set of people. All keys that are written must hold." {
        GROUPS "groups" ("list of text") Absent("any group, or none"), "Whoever is in one of these.";
        USERS "users" ("list of login ids") Absent("anybody"), "Whoever has one of these login ids.";
        ANY_OF "any_of" ("list of { groups, users, any_of, all_of, not }") Absent("nothing more"), "Whoever is in one of these sets.";
        ALL_OF "all_of" ("list of { groups, users, any_of, all_of, not }") Absent("nothing more"), "Whoever is in each of these sets.";
        NOT "not" ("{ groups, users, any_of, all_of, not }") Absent("nobody is left out"), "Whoever is not in this set.";
    }
    app "[[app]]" "One protected application. Its routes are tried in order, the first that fits decides." {
        NAME "name" ("a-z, 0-9 and -") Required, "Its name in logs, and `aud` of assertions.";
        TITLE "title" ("text") Absent("the name, capitalised"), "What people call it: shown on the pages.";
        HOST "host" ("host name") Absent("`hosts` is written instead"), "The host it answers on.";
        HOSTS "hosts" ("list of host names") Absent("`host` is written instead"), "The hosts it answers on; people are sent to the first. `*.example.com` is any one label; an exact host of another app wins.";
        UPSTREAM "upstream" ("list of URLs") Required, "Its servers: scheme, host and port.";
        UPSTREAM_CA "upstream_ca" ("path") Absent("the system's authorities"), "PEM file of authorities that vouch for `https://` upstreams.";
        UPSTREAM_HTTP "upstream_http" ("\"1.1\" or \"2\"") Value(r#""1.1""#), "What its servers speak. `2` is HTTP/2 and nothing else, over TLS by ALPN and without TLS by prior knowledge: what gRPC needs. Trailers then pass, WebSockets do not.";
        POLICY "policy" ("policy name") Absent("what no route names is not found"), "What holds where no route fits.";
        MINIMUM "minimum" ("level name or { level, public }") Absent("`[minimum]` holds alone"), "What no route of this app may go below, beside `[minimum]`.";
        MFA "mfa" ("\"required\"") Absent("its policies say it all"), "Lifts every policy that holds in it to level `mfa`, public routes excepted. What else `mfa.requirement` knows, an app's policies say: nothing, or with `risk` what a risky sign-in must prove.";
        ALLOW_IN_PATH "allow_in_path" ("list of \";\" and \"%2F\"") Value("[]"), "Characters that servers read differently and this application needs.";
        HEADERS "headers" ("preset or { user, name, email, groups }") Value(r#""default""#),
            "Names under which it is told who is there; presets: `default`, `authelia`, `oauth2-proxy`, `grafana`.";
        ASSERTION "assertion" ("true or false") Value("true"), "Whether the signed `Doorward-Assertion` is sent.";
        WEBSOCKET "websocket" ("true or false") Value("true"), "Whether a WebSocket may be opened.";
        BEARER "bearer" ("true or false") Value("false"), "Whether programs may bring a token of the gateway in place of a cookie, made by `POST /.doorward/token`. Tokens of the application's own pass either way; the gateway's are never forwarded.";
        CORS "cors" ("{ origins, methods, headers, expose, credentials, max_age }") Absent("pages of other origins are the application's to answer"), "Which pages of other origins may call it. Browsers' preflights are then answered here, and never reach it.";
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
    cors "cors = { … }" "Which pages of other origins may call an application." {
        ORIGINS "origins" ("list of origins") Required, "Exactly these: `[\"https://spa.example.com\"]`. Never a pattern.";
        METHODS "methods" ("list of methods") Value(r#"["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]"#), "What they may send.";
        HEADERS "headers" ("list of header names") Value(r#"["Authorization", "Content-Type"]"#), "Header fields they may send.";
        EXPOSE "expose" ("list of header names") Value("[]"), "Header fields of answers that they may read, beside `WWW-Authenticate` and `Doorward-Step-Up`.";
        CREDENTIALS "credentials" ("true or false") Value("false"), "Whether they may send cookies, and so open WebSockets. Browsers send the session's only from pages of the same site.";
        MAX_AGE "max_age" ("duration") Value(r#""10m""#), "How long a browser may remember the answer to a preflight.";
    }
    health "health = { … }" "How an application's servers are probed." {
        PATH "path" ("path") Required, "Answered with 2xx by a healthy server.";
        INTERVAL "interval" ("duration") Value(r#""5s""#), "Time between two probes.";
    }
    route "[[app.route]]" "A match inside an app, and the policy that holds there." {
        PATH "path" ("glob") Required, "`*` is within one segment, `**` is any depth; `/a/**` matches `/a` too.";
        METHODS "methods" ("list of methods") Value("[]"), "Methods it is for; all where it is empty. `GET` is `HEAD` too.";
        QUERY "query" ("{ name = \"value\" }") Absent("any query"), "Parameters it is for; `\"*\"` is any value. A request that spells one in a way servers read differently gets 400.";
        HEADERS "headers" ("{ name = \"value\" }") Absent("any header"), "Header fields it is for; `\"*\"` is any value. Clients write what they like there.";
        FORM "form" ("{ name = \"value\" }") Absent("any body"), "Fields of a form it is for, sent as `application/x-www-form-urlencoded`; `\"*\"` is any value. Read like `query`; a body that is no such form gets 400, one longer than 64 KiB 413.";
        NETWORKS "networks" ("list of names") Value("[]"), "Names of `[networks]` it is for; any client where it is empty.";
        HOURS "hours" ("{ days, from, to, zone }") Absent("at any time"), "Hours of the week it is for.";
        GROUPS "groups" ("list of text") Value("[]"), "Groups it is for; anybody where it is empty. Strangers are in none.";
        USERS "users" ("list of login ids") Value("[]"), "Login ids it is for; anybody where it is empty. Beside `groups` both must hold.";
        POLICY "policy" ("policy name") Absent("`before` is written instead"), "What holds there.";
        BEFORE "before" ("METHOD /path") Absent("`policy` is written instead"), "Asks for what that request of this app will ask for, before anything is typed: written at the page that shows the form.";
        MODE "mode" ("\"enforce\" or \"report\"") Absent("the policy's"), "`report` forwards every request of this route, and logs and counts what would have been refused.";
        LABEL "label" ("text") Absent("pages name only the app"), "What people step up for: \"transfers\".";
        CASE_SENSITIVE "case_sensitive" ("true or false") Value("false"), "Whether the application tells `/Admin` from `/admin`. Public routes always compare exactly.";
        STREAMS "streams" ("\"session\" or \"obey\"") Value(r#""session""#), "What an open WebSocket or response goes on to need: a live session, or all that the policy asks for, so that it is cut when the last proof is too old.";
        BACKGROUND "background" ("true or false") Value("false"), "Whether pages ask for it by themselves, again and again. Nobody stays signed in by that.";
        OVERLAP "overlap" ("\"intended\"") Absent("hiding a later route is an error"), "Says that this public route means to hide a later, protecting one.";
    }
    hours "hours = { … }" "Hours of the week, by the clock on the wall of a zone, through summer time and winter time." {
        DAYS "days" ("list of days") Value(r#"["mon-sun"]"#), "`mon` to `sun`, or spans like `mon-fri`: days on which it begins.";
        FROM "from" ("HH:MM") Value(r#""00:00""#), "When it begins.";
        TO "to" ("HH:MM") Value(r#""24:00""#), "When it is over; not after `from` means the next morning.";
        ZONE "zone" ("time zone") Required, "Whose clock: `Europe/Berlin`, `UTC`.";
    }
    test "[[test]]" "A request, and what must become of it. `doorward check` runs them, and so does every reload." {
        NAME "name" ("text") Required, "What it claims.";
        REQUEST "request" ("METHOD https://host/path") Required, "The request.";
        USER "user" ("{ name, groups }") Absent("nobody known, unless `did` is written"), "Who sends it.";
        FROM "from" ("address") Absent("nowhere: in no network"), "The client's address.";
        HEADERS "headers" ("{ name = \"value\" }") Absent("none"), "Its header fields.";
        FORM "form" ("{ name = \"value\" }") Absent("no body"), "The form in its body.";
        IDLE "idle" ("duration") Absent("it was just used"), "For how long nobody had used the browser before it.";
        REMEMBERED "remembered" ("true or false") Value("false"), "Whether a remembered browser spared the second step of their sign-in.";
        PAID "paid" ("METHOD AGE ago") Absent("nothing"), "A proof that was made for this very request: `\"passkey now\"`.";
        AT "at" ("date and time") Absent("2023-11-14T22:13:20Z"), "When: `2026-02-06T09:00:00Z` or `2026-02-06T09:00[Europe/Berlin]`.";
        DID "did" ("list of \"METHOD AGE ago\"") Value("[]"), "What they have proven: `\"totp 10m ago\"`.";
        RISK "risk" ("number or list of signals") Absent("the sign-in was as ever"), "How risky the sign-in was: a score, or what showed: `[\"new-device\"]`.";
        EXPECT "expect" ("forward, report, sign-in, step-up, deny, not-found, refuse or gateway") Required, "What must become of it.";
        ROUTE "route" ("label or path of a route") Absent("any route"), "The route that must decide.";
        POLICY "policy" ("policy name") Absent("any policy"), "The policy that must decide.";
    }
    test_user "user = { … }" "Who sends a test's request." {
        NAME "name" ("text") Required, "Their login id.";
        GROUPS "groups" ("list of text") Value("[]"), "Their groups.";
    }
}
