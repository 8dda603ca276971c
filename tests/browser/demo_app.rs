//! The demo application by itself, as the gateway would show it: its visitor is named by a header.

use axum::{Router, extract::Request, middleware};
use doorward::cli::demo::app::{DemoState, router};
use support::browser::{Browser, Scripts, barriers};
use tempfile::TempDir;
use thirtyfour::{By, WebDriver, extensions::query::ElementQueryable as _};
use tokio::net::TcpListener;

/// Stands in for the gateway: names everybody Ann.
async fn served(folder: &TempDir) -> String {
    let app = router(DemoState::open(folder.path().join("transfers.json")).await.unwrap());
    let behind: Router = app.layer(middleware::map_request(async |mut request: Request| {
        request.headers_mut().insert("remote-user", "ann@example.com".parse().unwrap());
        request
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, behind).await });
    format!("http://payroll.localhost:{port}")
}

async fn send_transfer(page: &WebDriver, origin: &str) {
    page.goto(format!("{origin}/transfers/new")).await.unwrap();
    for (field, text) in [("payee", "Bo & Sons"), ("amount", "1,250.50"), ("memo", "rent")] {
        page.find(By::Id(field)).await.unwrap().send_keys(text).await.unwrap();
    }
    page.find(By::Css("form button")).await.unwrap().click().await.unwrap();
    // The click is answered before the page it leads to is there.
    page.query(By::Css("main dl")).first().await.unwrap();
}

#[tokio::test]
async fn every_page_is_free_of_barriers() {
    let folder = TempDir::new().unwrap();
    let origin = served(&folder).await;

    Browser::default()
        .open("demo-app-barriers", async |page| {
            send_transfer(page, &origin).await;
            for path in ["/", "/transfers", "/transfers/new", "/transfers/1", "/files", "/whoami", "/nowhere"] {
                page.goto(format!("{origin}{path}")).await.unwrap();
                assert_eq!(barriers(page).await, [""; 0], "{path}");
            }
        })
        .await;
}

#[tokio::test]
async fn a_transfer_needs_no_script() {
    let folder = TempDir::new().unwrap();
    let origin = served(&folder).await;

    Browser { scripts: Scripts::Off, ..Browser::default() }
        .open("demo-app-without-scripts", async |page| {
            page.goto("data:text/html,<title>off</title><script>document.title='on'</script>").await.unwrap();
            assert_eq!(page.title().await.unwrap(), "off");

            send_transfer(page, &origin).await;
            let shown = page.find(By::Css("main")).await.unwrap().text().await.unwrap();
            assert!(shown.contains("Transfer 1") && shown.contains("1,250.50"), "{shown}");
        })
        .await;
}
