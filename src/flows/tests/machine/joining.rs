//! Links that make an account, and links that choose a new password.

use super::{NAMES, book::Book, houses::Before};
use crate::{
    domain::{
        contact::Address,
        user::{LoginId, UserId},
    },
    flows::{
        administer::NewUser,
        password, sign_up,
        tests::{PASSWORD, anywhere},
    },
    ports::messages::{Content, LinkPurpose},
};

impl Book {
    /// The tokens of all links that were mailed to this end, the newest first, and where they went.
    fn mailed(&self, wanted: LinkPurpose) -> Vec<(String, Address)> {
        let messages = self.scene.inbox.0.lock().unwrap();
        let link = |content: &Content| match content {
            Content::Link { url, purpose, .. } if *purpose == wanted => {
                url.split_once("token=").map(|(_, token)| token.to_owned())
            }
            _ => None,
        };
        messages.iter().rev().filter_map(|message| Some((link(&message.content)?, message.to.clone()))).collect()
    }

    pub(super) async fn forgot(&mut self, user: usize) {
        let name = NAMES[user];
        // Too many is an answer, too.
        let _ = password::request_reset(&self.scene.world, name, None, &anywhere()).await;
    }

    pub(super) async fn reset(&mut self, nth: usize) {
        let Some((token, went_to)) = self.mailed(LinkPurpose::ResetPassword).into_iter().nth(nth) else { return };
        let world = &self.scene.world;
        let Ok(owner) = password::owner_of_link(world, &token).await else { return };
        let mailbox = world.store.contacts(owner.id).await.unwrap();
        let new = format!("seven quiet otters {}", self.used_links.len());
        let Ok(reset) = password::reset(world, &token, &new, &anywhere()).await else { return };
        assert!(self.used_links.insert(token), "a link chose two passwords");
        assert!(mailbox.iter().any(|contact| contact.address == went_to), "a link outlived the address it went to");
        assert_eq!(reset.user.id, owner.id);
        assert!(self.scene.world.store.sessions(Some(owner.id)).await.unwrap().is_empty(), "a reset signs nobody in");
        self.is_out(owner.id, None).await;
        self.forget(owner.id);
        self.passwords.entry(owner.id).or_default().push(new);
        self.done.insert("password reset");
    }

    pub(super) async fn invite(&mut self) {
        let login_id = LoginId::parse(NAMES[2]).unwrap();
        let new = NewUser { login_id, name: None, email: None, phone: None, groups: Vec::new() };
        if let Ok(invited) = sign_up::invite(&self.scene.world, new).await {
            let (_, token) = invited.url.split_once("token=").unwrap();
            self.invitations.push(token.to_owned());
        }
    }

    pub(super) async fn ask_to_join(&mut self) {
        // Too many is an answer, too.
        let _ = sign_up::request(&self.scene.world, NAMES[3], None, &anywhere()).await;
    }

    pub(super) async fn join(&mut self, browser: usize, nth: usize) {
        let mailed = self.mailed(LinkPurpose::SignUp).into_iter().map(|(token, _)| token);
        let links: Vec<_> = mailed.chain(self.invitations.iter().rev().cloned()).collect();
        let Some(token) = links.get(nth) else { return };
        let outcome = sign_up::redeem(&self.scene.world, token, "", PASSWORD, &self.caller(browser)).await;
        let Ok(outcome) = outcome else { return };
        assert!(self.used_links.insert(token.clone()), "a link made two accounts");
        let user = self.newcomer().await;
        self.passwords.insert(user, vec![PASSWORD.to_owned()]);
        self.enter(browser, user, outcome, &Before::NOTHING).await;
        self.done.insert("joined");
    }

    /// Whoever has an account and had none.
    async fn newcomer(&mut self) -> UserId {
        let accounts = self.scene.world.store.accounts().await.unwrap();
        let is_new = |user: UserId| self.people.iter().all(|(known, _)| *known != user);
        let new: Vec<_> = accounts.into_iter().map(|account| account.user).filter(|user| is_new(user.id)).collect();
        let [new] = &new[..] else { panic!("one link made {} accounts", new.len()) };
        let name = new.login_id.to_string();
        assert!(self.people.iter().all(|(_, known)| *known != name), "{name} has two accounts");
        self.people.push((new.id, name));
        new.id
    }
}
