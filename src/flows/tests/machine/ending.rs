//! Ending sessions that one is not in.

use super::{acts::Out, book::Book};
use crate::{
    domain::{secret::Token, user::LoginId},
    flows::{
        administer::{revoke_sessions_of, set_disabled},
        devices,
        sessions::{end_others, sign_out_everywhere},
        tests::anywhere,
    },
    ports::messages::Content,
};

impl Book {
    pub(super) async fn end_others(&mut self, browser: usize) {
        let Some(full) = self.full(browser).await else { return };
        let user = full.identity.user.id;
        if end_others(&self.scene.world, &full, &self.caller(browser)).await.is_ok() {
            let is_fresh = self.is_strongest_fresh(browser, user).await || self.is_recovered(browser);
            assert!(is_fresh, "sessions are ended without a fresh proof");
            self.is_out(user, Some(browser)).await;
            self.forget(user);
            self.done.insert("others ended");
        }
    }

    pub(super) async fn throw_out(&mut self, user: usize, how: Out) {
        let Some((user, name)) = self.people.get(user).cloned() else { return };
        let (world, login_id) = (&self.scene.world, LoginId::parse(&name).unwrap());
        match how {
            Out::Everywhere => drop(sign_out_everywhere(world, user, &anywhere()).await.unwrap()),
            Out::Revoked => drop(revoke_sessions_of(world, &login_id).await.unwrap()),
            Out::Disabled => {
                set_disabled(world, &login_id, true).await.unwrap();
                self.is_out(user, None).await;
                set_disabled(world, &login_id, false).await.unwrap();
            }
        }
        self.is_out(user, None).await;
        self.forget(user);
        self.done.insert("thrown out");
    }

    /// Somebody opens a link that says "this was not me".
    pub(super) async fn undo(&mut self, nth: usize) {
        let links: Vec<String> = {
            let messages = self.scene.inbox.0.lock().unwrap();
            let link = |content: &Content| match content {
                Content::Notice { undo: Some(url), .. } => url.split_once("link=").map(|(_, link)| link.to_owned()),
                _ => None,
            };
            messages.iter().rev().filter_map(|message| link(&message.content)).collect()
        };
        let Some(link) = links.get(nth) else { return };
        let Some(undone) = devices::undo(&self.scene.world, &Token::parse(link).unwrap(), &anywhere()).await.unwrap()
        else {
            return;
        };
        assert!(self.used_links.insert(link.clone()), "a link worked twice");
        let sessions = self.scene.world.store.sessions(Some(undone.user)).await.unwrap();
        assert!(sessions.iter().all(|summary| summary.session.id != undone.session), "the session goes on");
        self.forget(undone.user);
        self.done.insert("sign-in undone");
    }
}
