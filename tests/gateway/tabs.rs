//! Two tabs of one browser, which leave for the portal at once.

use crate::{
    held::{gateway, send, uploads},
    recorder::Recorder,
    world::APP,
};
use http::{HeaderValue, header};
use reqwest::{
    Client, Url,
    cookie::{CookieStore, Jar},
};
use std::sync::Arc;
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{Person, navigation, visit},
};

/// Every cookie, and those of them that are still there some time after the sign-in.
#[derive(Default)]
struct Cookies {
    all: Jar,
    lasting: Arc<Jar>,
}

const A_WHILE_SECS: u64 = 15 * 60;

impl CookieStore for Cookies {
    fn set_cookies(&self, set: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        for cookie in set.map(|cookie| cookie.to_str().unwrap()) {
            self.all.add_cookie_str(cookie, url);
            let (_, life) = cookie.split_once("Max-Age=").unwrap();
            if life.split(';').next().unwrap().parse::<u64>().unwrap() > A_WHILE_SECS {
                self.lasting.add_cookie_str(cookie, url);
            }
        }
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.all.cookies(url)
    }
}

/// Ann's browser, some time after she has signed in. What she proved counts no more.
async fn some_time_later(gateway: &Gateway, ann: &Person) -> (Client, Arc<Jar>) {
    let cookies = Arc::new(Cookies::default());
    let before = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&cookies)).build().unwrap();
    let page = ann.type_password(&before, &visit(&before, &gateway.url(APP, "/new")).await).await;
    let page = page.submit(&before, "/challenge/totp", &[("code", &ann.last_code())]).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/new"), "{page:?}");
    let account = visit(&before, &gateway.url(PORTAL, "/account")).await;
    account.submit(&before, "/account/lock", &[]).await;
    let jar = Arc::clone(&cookies.lasting);
    (client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap(), jar)
}

#[tokio::test]
async fn a_form_that_is_long_in_coming_takes_nothing_from_one_that_another_tab_sends_meanwhile() {
    let recorder = Recorder::start().await;
    let (gateway, ann) = gateway(&recorder).await;
    let (browser, jar) = some_time_later(&gateway, &ann).await;
    let (slow, fast) = (gateway.url(APP, "/transfers/slow"), gateway.url(APP, "/transfers/fast"));
    let url: Url = slow.parse().unwrap();

    let mut first = gateway.connect(APP).await;
    let cookies = jar.cookies(&url).unwrap();
    first
        .send(format!(
            "POST /transfers/slow HTTP/1.1\r\nHost: {APP}:{}\r\nCookie: {}\r\nSec-Fetch-Mode: navigate\r\n\
             Sec-Fetch-Dest: document\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 10\r\n\r\nfile=",
            gateway.site.https,
            cookies.to_str().unwrap()
        ))
        .await;
    let second = navigation(browser.post(&fast)).form(&[("amount", "12")]).send().await.unwrap();
    let second = second.headers()[header::LOCATION].to_str().unwrap().to_owned();
    first.send("large".to_owned()).await;
    let answer = first.head().await;
    let field = |name: &str| {
        let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).expect(name);
        line.split_once(": ").unwrap().1.to_owned()
    };
    jar.add_cookie_str(&field("set-cookie"), &url);

    let page = ann.type_code(&browser, &visit(&browser, &second).await).await;
    assert!(page.is_at("/.doorward/send"), "{page:?}");
    let sent = send(&browser, &fast, page.hidden("doorward-held").unwrap()).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let page = visit(&browser, &field("location")).await;
    let sent = send(&browser, &slow, page.hidden("doorward-held").unwrap()).await;
    assert_eq!((sent.status.as_u16(), uploads(&recorder)), (200, 2), "{sent:?}");
}
