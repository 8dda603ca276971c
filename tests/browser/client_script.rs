//! The script that applications may include: what it does where nobody confirms, where confirming does not help, and where the page
//! has thought better of it meanwhile.

use crate::{
    held::scene,
    house::{House, PAYROLL, REPORTS},
};
use support::browser::Scripts;
use thirtyfour::{By, WebDriver, prelude::ElementQueryable as _};

/// Notes what becomes of a request.
const ASK: &str = "
    window.heard = [];
    window.request = new XMLHttpRequest();
    for (const event of ['load', 'abort', 'error', 'loadend'])
        request.addEventListener(event, () => heard.push(event + ' ' + request.status));
    request.open('POST', arguments[0]);
    request.send('body');";

/// What the window of the portal says where somebody has confirmed; here nobody has.
const CONFIRMED: &str = "new BroadcastChannel('doorward').postMessage('confirmed');";

async fn run(page: &WebDriver, script: &str, arguments: Vec<serde_json::Value>) -> serde_json::Value {
    page.execute(script, arguments).await.unwrap().json().clone()
}

/// Opens a page with the script, of an application where nobody is signed in.
async fn open(house: &House, page: &WebDriver) {
    page.goto(house.url(PAYROLL, "/spa")).await.unwrap();
}

async fn asked(page: &WebDriver) {
    page.query(By::Css("dialog[open]")).first().await.unwrap();
}

async fn cancel(page: &WebDriver) {
    page.query(By::XPath("//dialog/button[text()='Cancel']")).first().await.unwrap().click().await.unwrap();
}

/// Waits until an expression is true.
async fn until(page: &WebDriver, expression: &str) {
    let script = format!(
        "const done = arguments[0]; const look = () => ({expression}) ? done() : setTimeout(look, 10); look();"
    );
    page.execute_async(script, Vec::new()).await.unwrap();
}

/// How often the page has asked for this.
async fn requests(page: &WebDriver, path: &str) -> serde_json::Value {
    let script =
        "return performance.getEntriesByType('resource').filter(entry => entry.name.endsWith(arguments[0])).length";
    run(page, script, vec![path.into()]).await
}

#[tokio::test]
async fn who_would_not_confirm_gets_the_answer_as_it_was() {
    let (house, scene) = scene().await;
    house
        .open(Scripts::On, "client-cancel", async |page| {
            // Before the page has a body.
            page.goto(house.url(PAYROLL, "/early")).await.unwrap();
            asked(page).await;
            cancel(page).await;
            until(page, "window.early === 401").await;

            open(&house, page).await;
            run(page, ASK, vec!["/api".into()]).await;
            asked(page).await;
            cancel(page).await;
            until(page, "heard.length === 2").await;
            assert_eq!(run(page, "return heard", Vec::new()).await, serde_json::json!(["load 401", "loadend 401"]));
            assert!(scene.received.lock().unwrap().is_empty());
        })
        .await;
}

#[tokio::test]
async fn a_request_is_sent_once_more_and_no_oftener() {
    let (house, _scene) = scene().await;
    house
        .open(Scripts::On, "client-once-more", async |page| {
            open(&house, page).await;
            run(page, ASK, vec!["/api".into()]).await;
            asked(page).await;
            run(page, CONFIRMED, Vec::new()).await;
            until(page, "heard.length === 2").await;
            assert_eq!(run(page, "return heard", Vec::new()).await, serde_json::json!(["load 401", "loadend 401"]));
            assert_eq!(requests(page, "/api").await, 2);
            assert!(page.find_all(By::Css("dialog")).await.unwrap().is_empty(), "and nobody is asked again");

            let fetching = "fetch('/api', { method: 'POST' }).then(answer => window.fetched = answer.status)";
            run(page, fetching, Vec::new()).await;
            asked(page).await;
            run(page, CONFIRMED, Vec::new()).await;
            until(page, "window.fetched === 401").await;
            assert!(page.find_all(By::Css("dialog")).await.unwrap().is_empty());
        })
        .await;
}

#[tokio::test]
async fn what_the_page_gives_up_meanwhile_is_not_sent() {
    let (house, _scene) = scene().await;
    house
        .open(Scripts::On, "client-abort", async |page| {
            open(&house, page).await;
            run(page, ASK, vec!["/api?aborted".into()]).await;
            asked(page).await;
            run(page, "request.abort()", Vec::new()).await;
            assert_eq!(run(page, "return heard", Vec::new()).await, serde_json::json!(["abort 0", "loadend 0"]));
            cancel(page).await;

            run(page, ASK, vec!["/api?replaced".into()]).await;
            asked(page).await;
            run(page, "request.open('POST', '/api?other')", Vec::new()).await;
            run(page, CONFIRMED, Vec::new()).await;
            until(page, "document.querySelector('dialog') === null").await;
            // Whatever would have been sent, would have been sent by now: this is, and is answered.
            run(page, "fetch('/new').then(answer => window.fetched = answer.status)", Vec::new()).await;
            until(page, "window.fetched === 200").await;

            for (path, count) in [("/api?aborted", 1), ("/api?replaced", 1), ("/api?other", 0)] {
                assert_eq!(requests(page, path).await, count, "{path}");
            }
            assert_eq!(run(page, "return request.readyState", Vec::new()).await, 1, "it waits to be sent");
        })
        .await;
}

/// Another application's answer leads to another host's way in.
#[tokio::test]
async fn what_another_host_answers_is_left_to_the_page() {
    let (house, _scene) = scene().await;
    house
        .open(Scripts::On, "client-foreign", async |page| {
            open(&house, page).await;
            run(page, ASK, vec![house.url(REPORTS, "/guarded").into()]).await;

            until(page, "heard.length === 2").await;
            assert_eq!(run(page, "return heard", Vec::new()).await, serde_json::json!(["load 401", "loadend 401"]));
            let link = run(page, "return request.getResponseHeader('Doorward-Step-Up')", Vec::new()).await;
            assert!(link.as_str().unwrap().contains("/.doorward/step-up?to="), "and it could be read: {link}");

            let fetching = "fetch(new Request(arguments[0], { method: 'POST', body: 'body' }))
                .then(answer => window.fetched = answer.status, error => window.fetched = error.message)";
            run(page, fetching, vec![house.url(REPORTS, "/guarded").into()]).await;
            until(page, "window.fetched").await;
            assert_eq!(run(page, "return fetched", Vec::new()).await, 401, "its body was not used up");
            assert!(page.find_all(By::Css("dialog")).await.unwrap().is_empty());
        })
        .await;
}
