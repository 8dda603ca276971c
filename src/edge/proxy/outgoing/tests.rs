use super::*;
use crate::domain::{
    place::Place,
    risk::Assessment,
    session::{Activity, Session, SessionId},
    target::{Allowed, Authority},
    time::Timestamp,
    user::{LoginId, User, UserId},
};
use bytes::Bytes;
use std::collections::HashSet;
use uuid::Uuid;

fn identity() -> Identity {
    let (user, noon) = (UserId(Uuid::nil()), Timestamp::from_millis(0));
    Identity {
        user: User {
            id: user,
            login_id: LoginId::parse("ann").unwrap(),
            name: "Ännchen, 100%\r\nRemote-User: root".into(),
            email: None,
            groups: vec!["finance".into(), "a,b".into()],
            language: None,
            disabled: false,
            created_at: noon,
        },
        session: Session {
            id: SessionId(Uuid::nil()),
            user,
            authentications: vec![],
            started_at: noon,
            seen_at: noon,
            activity: Activity::begun(noon),
            locked_at: None,
            spared: false,
            place: Place::default(),
            risk: Assessment::default(),
        },
    }
}

/// What the application receives of such a request.
struct Case {
    request: Request<()>,
    body: &'static [u8],
    identity: Option<IdentityValues>,
    protocol: Protocol,
}

impl Case {
    fn get(target: &str, fields: &[(&str, &str)]) -> Self {
        let mut request = Request::get(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Self { request: request.body(()).unwrap(), body: b"", identity: None, protocol: Protocol::Http }
    }

    fn sent(self) -> Request<RequestBody> {
        let (parts, ()) = self.request.into_parts();
        let sent = parts.uri.path().to_owned();
        let authority = Authority::parse("App.example.com").unwrap();
        let onward = Onward {
            path: &CanonicalPath::parse(&sent, Allowed::default()).unwrap(),
            host: &HeaderValue::from_static("app.example.com"),
            names: &IdentityNames::remote(),
            identity: self.identity.as_ref(),
            assertion: None,
            forwarding: &Forwarding::new([192, 0, 2, 1].into(), &authority).unwrap(),
            request_id: &HeaderValue::from_static("ours"),
            protocol: self.protocol,
        };
        request(parts, RequestBody::held(Bytes::from_static(self.body)), &onward).unwrap()
    }

    /// The fields that are not the same in every request.
    fn fields(self) -> Vec<String> {
        let always = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-request-id"];
        let sent = self.sent();
        for name in always {
            assert_eq!(sent.headers().get_all(name).iter().count(), 1, "{name}");
            assert_ne!(sent.headers()[name], "forged", "{name}");
        }
        sent.headers()
            .iter()
            .filter(|(name, _)| !always.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect()
    }
}

#[test]
fn no_client_speaks_for_the_gateway() {
    for name in [
        "Remote-User",
        "Remote_User",
        "rEmOtE.uSeR",
        "REMOTE_USER",
        "Remote-Groups",
        "HTTP_REMOTE_USER",
        "X-Remote-User",
        "X-Forwarded-User",
        "X_Forwarded_For",
        "X-Forwarded-Host",
        "Forwarded",
        "X-Real-IP",
        "X-Request-Id",
        "X_Request_Id",
        "X-Auth-Request-Email",
        "X-Webauth-User",
        "Doorward-Assertion",
        "doorward_assertion",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "Proxy",
    ] {
        for signed_in in [false, true] {
            let mut case = Case::get("/", &[(name, "forged"), (name, "forged"), ("accept", "*/*")]);
            case.identity = signed_in.then(|| IdentityValues::of(&identity()));
            let fields = case.fields();
            assert!(!fields.iter().any(|field| field.contains("forged")), "{fields:?}");
            assert!(fields.contains(&"accept: */*".to_owned()));
        }
    }
}

#[test]
fn what_is_about_one_connection_stays_on_it() {
    let fields = Case::get(
        "/",
        &[
            ("connection", "close, X-Nominated, Remote-User, X-Request-Id, Host"),
            ("connection", "x-also"),
            ("x-nominated", "1"),
            ("x-also", "1"),
            ("keep-alive", "1"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("proxy-authorization", "x"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ],
    );
    let mut signed_in = Case::get("/", &[("connection", "Remote-User, Remote-Groups")]);
    signed_in.identity = Some(IdentityValues::of(&identity()));

    assert_eq!(fields.fields(), ["accept: */*"]);
    assert!(signed_in.fields().contains(&"remote-user: ann".to_owned()), "a nomination removes nothing of ours");
}

/// ID-07.
#[test]
fn an_identity_is_one_value_a_field_and_absent_parts_are_absent() {
    let mut case = Case::get("/", &[("remote-email", "forged")]);
    case.identity = Some(IdentityValues::of(&identity()));

    let mut fields = case.fields();
    fields.sort();
    assert_eq!(
        fields,
        [
            "remote-groups: finance,a%2Cb",
            "remote-name: %C3%84nnchen%2C 100%25%0D%0ARemote-User: root",
            "remote-user: ann"
        ]
    );
}

/// An assertion that was signed for another hash is not used again.
#[test]
fn whatever_changes_about_somebody_changes_the_hash_of_what_is_said() {
    let hash = |change: &dyn Fn(&mut User)| {
        let mut identity = identity();
        change(&mut identity.user);
        IdentityValues::of(&identity).hash()
    };
    let hashes = [
        hash(&|_| {}),
        hash(&|user| user.groups.push("treasury".to_owned())),
        hash(&|user| user.groups.clear()),
        hash(&|user| user.email = Some("new@example.com".to_owned())),
        hash(&|user| user.name = "Ann Lee".to_owned()),
    ];

    assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len());
    assert_eq!(hash(&|_| {}), hashes[0]);
}

#[test]
fn cookies_of_ours_stay_and_those_of_the_app_pass() {
    let cookies = [("cookie", "a=1; __Host-doorward-app=secret"), ("cookie", "b=\"2\"")];
    assert_eq!(Case::get("/", &cookies).fields(), ["cookie: a=1; b=\"2\""]);
    assert_eq!(Case::get("/", &[("cookie", "a=1;b=2 ")]).fields(), ["cookie: a=1;b=2 "]);
}

#[test]
fn the_target_is_what_policy_saw_in_origin_form() {
    for (sent, received) in [
        ("/a/b?x=%2f&y", "/a/b?x=%2f&y"),
        ("/%61dmin?q", "/admin?q"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("https://app.example.com/a?b", "/a?b"),
        ("https://app.example.com", "/"),
    ] {
        assert_eq!(Case::get(sent, &[]).sent().uri(), received, "{sent}");
    }
}

#[test]
fn the_body_decides_how_it_is_framed() {
    let framed = |method: &str, body: &'static [u8], fields: &[(&str, &str)]| {
        let mut case = Case::get("/", fields);
        *case.request.method_mut() = method.parse().unwrap();
        case.body = body;
        case.fields()
    };

    assert_eq!(framed("POST", b"four", &[("content-length", "4")]), ["content-length: 4"]);
    assert_eq!(framed("POST", b"four", &[("transfer-encoding", "chunked")]), ["content-length: 4"]);
    assert_eq!(framed("POST", b"", &[("content-length", "0")]), ["content-length: 0"]);
    assert_eq!(framed("GET", b"", &[]), Vec::<String>::new());
    assert_eq!(framed("GET", b"four", &[]), ["content-length: 4"]);
}

#[test]
fn a_trace_goes_on_only_if_it_is_one() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let fields = |parents: &[&str]| {
        let mut fields: Vec<_> = parents.iter().map(|parent| ("traceparent", *parent)).collect();
        fields.push(("tracestate", "a=1"));
        Case::get("/", &fields).fields().len()
    };

    assert_eq!(fields(&[parent]), 2);
    for bad in [
        "",
        "x",
        &parent.to_uppercase(),
        &parent[1..],
        &format!("{parent}-00"),
        &parent.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
    ] {
        assert_eq!(fields(&[bad]), 0, "{bad}");
    }
    assert_eq!(fields(&[parent, parent]), 0);
    assert_eq!(fields(&[]), 0);
}

#[test]
fn an_upgrade_is_asked_for_by_the_gateway_alone() {
    let mut case = Case::get("/", &[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket, h2c")]);
    case.protocol = Protocol::WebSocket;

    assert_eq!(case.fields(), ["connection: upgrade", "upgrade: websocket"]);
}
