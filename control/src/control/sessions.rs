//! Sessions: who has logged in.

use crate::control::{Control, Unavailable};
use crate::db::Kept;
use crate::thing::{Member, Role, Secret, Time, digest_of};

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The member's name.
    pub member: String,
    /// What the member may do now.
    pub role: Role,
    /// When the session ends.
    pub expires: Time,
}

impl Control {
    /// Makes a session for a member; what is returned is for a cookie. It ends with the member's token.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn make_session(&self, member: &Member) -> Result<(Secret, Session), Unavailable> {
        let (secret, now) = (Secret::session(), self.now());
        let expires = now + self.0.options.session;
        let (digest, of) = (secret.digest(), member.clone());
        self.ask(move |database| async move { database.make_session(&digest, &of, now, expires).await })
            .await?;
        Ok((secret, Session { member: member.name.clone(), role: member.role, expires }))
    }

    /// The session of a cookie, if it lasts, and its member still has the token that it was made by.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn find_session(&self, secret: &str) -> Result<Option<Session>, Unavailable> {
        let (digest, now) = (digest_of(secret), self.now());
        let found =
            self.ask(move |database| async move { database.find_session(&digest, now).await }).await?;
        let Some(Kept { member, token, expires }) = found else { return Ok(None) };
        // A node may have made it of a token that was taken away, before it heard of that.
        let decided = self.decided();
        let held = decided.members().get(&member).filter(|held| held.thing.digest == token);
        Ok(held.map(|held| Session { member, role: held.thing.role, expires }))
    }

    /// Ends the session of a cookie.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn end_session(&self, secret: &str) -> Result<(), Unavailable> {
        let digest = digest_of(secret);
        self.ask(move |database| async move { database.end_session(&digest).await }).await?;
        self.hub().tell_of_members();
        Ok(())
    }
}
