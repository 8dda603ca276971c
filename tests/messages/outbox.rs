use crate::{CODE, call, letter, senders, with_mail, with_phone};
use doorward::{
    adapters::messages::{
        Settings,
        settings::{MailRoute, PhoneRoute},
    },
    domain::contact::Channel,
    ports::{Messenger as _, NotSent},
};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};
use tempfile::TempDir;

/// Name and content of each file.
fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

#[tokio::test]
async fn a_folder_takes_every_channel_and_keeps_it_to_its_owner() {
    let folder = TempDir::new().unwrap();
    let outbox = folder.path().join("deep/outbox");
    let phone = with_phone(PhoneRoute::Outbox(outbox.clone()));
    let senders = senders(Settings { mail: with_mail(MailRoute::Outbox(outbox.clone())).mail, ..phone });

    for message in
        [letter("ann@example.com"), call(Channel::Sms, "+442079460000"), call(Channel::Voice, "+442079460000")]
    {
        assert_eq!(senders.send(message).await, Ok(()));
    }

    assert_eq!(fs::metadata(&outbox).unwrap().permissions().mode() & 0o777, 0o700);
    let files = files(&outbox);
    assert_eq!(files.len(), 3, "{files:?}");
    for (extension, holds) in
        [("eml", "To: ann@example.com"), ("sms.txt", "#084213"), ("voice.txt", "0, 8, 4, 2, 1, 3.")]
    {
        let (name, content) = files.iter().find(|(name, _)| name.ends_with(extension)).unwrap();
        assert!(name.starts_with("1795356000000-") && content.contains(holds), "{name}\n{content}");
        assert_eq!(fs::metadata(outbox.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!name.contains(CODE));
    }
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_is_said_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let senders = senders(with_mail(MailRoute::Outbox(file.path().to_owned())));

    assert!(matches!(senders.send(letter("ann@example.com")).await, Err(NotSent::Unavailable(_))));
}

#[tokio::test]
async fn a_channel_that_is_not_set_up_says_so() {
    let folder = TempDir::new().unwrap();
    let senders = senders(with_mail(MailRoute::Outbox(folder.path().to_owned())));

    assert!(senders.reaches(Channel::Email) && !senders.reaches(Channel::Sms) && !senders.reaches(Channel::Voice));
    assert_eq!(senders.send(call(Channel::Sms, "+442079460000")).await, Err(NotSent::NoChannel(Channel::Sms)));
}
