//! Who the application is told that somebody is.

use support::{applications::Application, gateway::Site, person::Person};

#[tokio::test]
async fn who_signed_in_is_told_to_the_application() {
    let app = Application::httpbin().await;
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &["app.localhost"]);
    let config = format!(
        "{}\n[policy.standard]\nlevel = \"mfa\"\n[[app]]\nname = \"app\"\nhost = \"app.localhost\"\nupstream = [\"{}\"]\npolicy = \"standard\"\n",
        site.preamble(),
        app.url()
    );
    site.configure(&config);
    let ann = Person::add(&site, "ann", &["finance"]);
    let gateway = site.start().await;

    let page = ann.visit(&gateway.client(), &gateway.url("app.localhost", "/headers")).await;

    assert!(page.text.contains("\"Remote-User\": \"ann\""), "{page:?}\n{}", gateway.log());
}
