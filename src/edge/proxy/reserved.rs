//! `/.doorward/`: the gateway's own corner of every app host. Nothing below it ever reaches an application (PA-13).

use super::body::RequestBody;
use super::{
    Asked, Proxy,
    answer::{Own, redirect},
    challenge::browser_of,
    done_page::DonePage,
    visitors::Seen,
};
use crate::{
    domain::{secret::Token, session::proven, target::path::RESERVED},
    edge::http::{
        assets::{self, Base},
        cookies::{self, Name},
        page::{ContentPolicy, Frame, respond},
        refusal::Refusal,
    },
    flows::{journey::Journey, sessions},
    ports::upstream::Upstream,
};
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

/// Where a step-up begins that a program was told of.
pub(super) const STEP_UP_PATH: &str = "/.doorward/step-up";
/// Where one ends that a script waits for.
const DONE_PATH: &str = "/.doorward/done";

/// The script that applications may include.
fn client_script() -> Own {
    let mut response = Response::new(assets::CLIENT.to_owned());
    for (name, value) in [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Answers a request below the reserved prefix.
    pub(super) async fn reserved(&self, asked: &Asked<'_>, below: &str, query: Option<&str>) -> Own {
        if !matches!(*asked.method, Method::GET | Method::HEAD) {
            return self.refuse(asked, Refusal::MethodNotAllowed, None);
        }
        match below {
            "/callback" => self.callback(asked, query.unwrap_or_default()).await,
            "/logout" => redirect(&format!("{}/logout", self.portal)),
            "/send" => self.show_held(asked, query.unwrap_or_default()).await,
            "/step-up" => self.step_up(asked, query.unwrap_or_default()),
            "/done" => {
                let frame = Frame { brand: &self.brand, base: Base::App };
                let page = DonePage { frame, app: &asked.app.title };
                respond(StatusCode::OK, &page, &ContentPolicy::strict().with_script())
            }
            "/client.js" => client_script(),
            "/whoami" => self.whoami(asked).await,
            _ => match assets::find(Base::App, &format!("{RESERVED}{below}"), self.brand.assets()) {
                Some(asset) => asset.response().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
                None => self.refuse(asked, Refusal::NotFound, None),
            },
        }
    }

    /// Trades the code in the link for a child session, for the browser that set out from here, and goes on.
    async fn callback(&self, asked: &Asked<'_>, query: &str) -> Own {
        let field = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let to = field("to").unwrap_or_default();
        let journey = Journey::open(&self.world, &to).filter(|journey| journey.host == asked.authority.host);
        let Some(journey) = journey else { return self.refuse(asked, Refusal::NotFound, None) };
        let onward = match journey.held {
            Some(_) => format!("{RESERVED}/send?to={to}"),
            None => journey.end().as_str().to_owned(),
        };
        let code = field("code").and_then(|code| Token::parse(&code));
        let (Some(browser), Some(code)) = (browser_of(asked), code) else {
            return self.lost(asked, &onward);
        };
        let flow = self.flow_of(browser.clone(), false);
        let (world, host) = (self.world.clone(), journey.host.clone());
        let redeemed = self.slow.spawn(async move { sessions::redeem(&world, &code, &host, &browser).await }).await;
        match redeemed {
            Ok(Ok(Some(child))) => flow.keep(self.arrive(&onward, &child)),
            Ok(Ok(None)) => self.lost(asked, &onward),
            Ok(Err(error)) => {
                tracing::error!(%error, request.id = %asked.id, "a handoff failed");
                self.refuse(asked, Refusal::Unavailable, None)
            }
            Err(error) => {
                tracing::error!(%error, request.id = %asked.id, "a handoff failed");
                self.refuse(asked, Refusal::OurFault, None)
            }
        }
    }

    /// Sends a person to the portal, on the way that a program was told of. The program has no cookie for the way; the
    /// browser that opens this has. A window that `client.js` opened ends at a page that says that it is done.
    fn step_up(&self, asked: &Asked<'_>, query: &str) -> Own {
        let fields = || url::form_urlencoded::parse(query.as_bytes());
        let to = fields().find(|(key, _)| key == "to").map(|(_, to)| to).unwrap_or_default();
        let journey = Journey::open(&self.world, &to).filter(|journey| journey.host == asked.authority.host);
        let Some(journey) = journey else { return self.refuse(asked, Refusal::NotFound, None) };
        let flow = self.flow(asked);
        let done = fields().any(|(key, _)| key == "done").then(|| DONE_PATH.parse().ok()).flatten();
        let back = done.or(journey.back);
        let journey = Journey { browser: flow.browser.hash(), held: None, back, ..journey };
        flow.keep(redirect(&format!("{}/login?to={}", self.portal, journey.seal(&self.world))))
    }

    fn arrive(&self, onward: &str, child: &Token) -> Own {
        let mut response = redirect(onward);
        *response.status_mut() = StatusCode::SEE_OTHER;
        if let Ok(cookie) = cookies::set(Name::App, &child.to_text(), self.world.settings.limits.lifetime) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// The link was used before, is too old, or belongs to another browser. Never a redirect: without cookies it would
    /// go round for ever.
    fn lost(&self, asked: &Asked<'_>, onward: &str) -> Own {
        tracing::info!(request.id = %asked.id, "a handoff was refused");
        self.refuse(asked, Refusal::LostOnTheWay, Some(onward))
    }

    /// Who is signed in here, for scripts of the application.
    async fn whoami(&self, asked: &Asked<'_>) -> Own {
        let now = self.world.clock.now();
        let body = match self.visitors.look(asked.headers, asked.authority).await {
            Ok(Seen::Known(known)) => {
                let (user, session) = (&known.identity.user, &known.identity.session);
                let proofs: Vec<_> = proven(&session.authentications, now)
                    .map(|proof| {
                        let age = proof.at.age(now).unwrap_or_default();
                        json!({ "method": proof.method.name(), "age_seconds": age.as_secs() })
                    })
                    .collect();
                json!({ "signed_in": true, "user": user.login_id.as_str(), "name": user.name, "authentications": proofs })
            }
            Ok(Seen::Nobody(_)) => json!({ "signed_in": false }),
            Err(error) => {
                tracing::error!(%error, request.id = %asked.id, "the store failed a request");
                return self.refuse(asked, Refusal::Unavailable, None);
            }
        };
        let mut response = Response::new(body.to_string());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}
