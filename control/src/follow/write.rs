//! A change: checked, stored, and in force here before anybody is told that it is.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use chrono::TimeDelta;
use timebudget::config::{Errors, Layer};

use crate::audit::{Draft, Entry};
use crate::db::{Answered, Commit, News, Trouble, Writing};
use crate::follow::start::unfit;
use crate::follow::{Health, Node, Place};
use crate::thing::{Change, Held, Kind, LAYER, Refused, Thing, Time, Written, Wrong};

/// A change that somebody wants made.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) change: Change,
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) reason: Option<String>,
    /// What must hold of what is there.
    pub(crate) condition: crate::control::IfMatch,
    /// The digests of an idempotency key and of the body that came with it.
    pub(crate) idempotency: Option<(String, String)>,
}

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Outcome {
    Made(Box<Made>),
    /// It was made before, under the same idempotency key.
    Repeated(Box<Answered>),
    /// The key was used with another body.
    OtherBody,
    Refused(Refused),
    Stale(u64),
    Missing,
    Exists,
}

/// What became of a row of the audit of something that is to be done once.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// It is written: now it is to be done.
    News(Box<Entry>),
    /// It was done before, under the same idempotency key.
    Done,
    /// It was begun under the key, and nobody has said what has become of it: it goes on, or its node has ended.
    Unknown,
    /// The key was used with another body.
    OtherBody,
}

/// What a change has made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) before: Option<Thing>,
    pub(crate) after: Option<Thing>,
    pub(crate) entry: Entry,
}

/// For how long an idempotency key is remembered.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

impl Node {
    /// Makes a change.
    pub(crate) async fn change(self: &Arc<Self>, order: Order) -> Result<Outcome, Trouble> {
        self.in_turn(async {
            let mut writing = self.database.write().await?;
            let state = writing.state().clone();
            self.catch_up(writing.connection(), &state).await?;
            let now = self.now();
            if let Some(outcome) = repeated(&mut writing, &order, now - REMEMBERED).await? {
                writing.give_up().await;
                return Ok(outcome);
            }
            let (order, before, checked) = self.apart(move |node| node.checked(order)).await;
            match checked {
                Ok(layer) => self.make(writing, order, (before, layer), now).await,
                Err(outcome) => {
                    writing.give_up().await;
                    Ok(outcome)
                }
            }
        })
        .await
    }

    /// Stores a change that was checked, and puts it in force.
    async fn make(
        self: &Arc<Self>,
        writing: Writing<'_>,
        order: Order,
        (before, layer): (Option<Thing>, Option<Layer>),
        now: Time,
    ) -> Result<Outcome, Trouble> {
        let (id, revision) = (writing.state().id.clone(), writing.state().revision + 1);
        let audit = order.audit(before.as_ref(), now, revision);
        let Order { change: Change { kind, name, after, .. }, idempotency, .. } = order;
        let thing = Some((kind, name.clone(), after.clone()));
        let actors = [(revision, audit.actor.clone())].into();
        let entry = writing.commit(Commit { thing, audit, idempotency }).await?;
        let news = News { things: vec![(kind, name, after.clone(), revision)], actors };
        let place =
            Place { id, history: entry.digest.clone(), audited: entry.number, digest: entry.digest.clone() };
        let taken = self.apart(move |node| node.take(news, place, revision, layer)).await;
        taken.map_err(|errors| unfit(&errors))?;
        Ok(Outcome::Made(Box::new(Made { before, after, entry })))
    }

    /// Writes a row of the audit of something that is no thing's change, unless it was asked for before under its key.
    pub(crate) async fn record_once(
        self: &Arc<Self>,
        audit: Draft,
        idempotency: Option<(String, String)>,
    ) -> Result<Recorded, Trouble> {
        self.in_turn(async {
            let mut writing = self.database.write().await?;
            let state = writing.state().clone();
            self.catch_up(writing.connection(), &state).await?;
            if let Some((key, body)) = &idempotency
                && let Some(answered) = writing.answered(key, self.now() - REMEMBERED).await?
            {
                writing.give_up().await;
                return Ok(match answered {
                    Answered { body: before, .. } if before != *body => Recorded::OtherBody,
                    Answered { is_done: true, .. } => Recorded::Done,
                    Answered { .. } => Recorded::Unknown,
                });
            }
            let entry = writing.commit(Commit { thing: None, audit, idempotency }).await?;
            self.saw(entry.number, &entry.digest);
            Ok(Recorded::News(Box::new(entry)))
        })
        .await
    }

    /// Waits for the turn, unless the database is known to be down, and notes how it was found.
    async fn in_turn<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        self.must_be_up()?;
        let turn = tokio::time::timeout(self.database.patience(), self.turn.lock()).await;
        let _turn =
            turn.map_err(|_| Trouble::Down("too many changes wait for each other; try again".to_owned()))?;
        // Whoever had the turn before may have found out.
        self.must_be_up()?;
        let done = work.await;
        if let Err(trouble) = &done {
            self.note(trouble);
            // A disk that is full can still be read.
            self.is_writable.store(!matches!(trouble, Trouble::Down(_)), Relaxed);
        }
        done
    }

    /// # Errors
    ///
    /// The database is known to be down: nobody waits to find it out again.
    pub(crate) fn must_be_up(&self) -> Result<(), Trouble> {
        match self.health() {
            Health::Up => Ok(()),
            Health::Down { why, .. } => Err(Trouble::Down(why)),
            Health::Unfit { why, .. } | Health::Lost { why, .. } => Err(Trouble::Lost(why)),
        }
    }

    /// An order, what there is before it, and whether it can be carried out: the layer that there is then.
    fn checked(&self, order: Order) -> (Order, Option<Thing>, Result<Option<Layer>, Outcome>) {
        let before = self.decided().thing(order.change.kind, &order.change.name);
        let checked = self.check(&order, before.as_ref());
        (order, before.map(|held| held.thing), checked)
    }

    fn check(&self, order: &Order, before: Option<&Held<Thing>>) -> Result<Option<Layer>, Outcome> {
        order.condition.check(before, &order.change)?;
        self.fits(&order.change).map_err(Outcome::Refused)
    }

    /// Whether a change fits what has been decided, and the whole configuration; the layer with it, if it has a place there.
    pub(crate) fn fits(&self, change: &Change) -> Result<Option<Layer>, Refused> {
        self.decided().check(change)?;
        self.draft(change).map_err(Refused::Wrong)
    }

    /// Checks a change against the whole configuration of each budget.
    fn draft(&self, change: &Change) -> Result<Option<Layer>, Vec<Wrong>> {
        if change.kind == Kind::Member {
            return Ok(None);
        }
        let put = (change.kind, change.name.as_str(), change.after.as_ref());
        let layer = self.decided().edited(self.layer(), put, self.now());
        let layer = layer.map_err(|errors| wrong(&errors, change))?;
        for reloader in self.governed() {
            reloader.check(&layer).map_err(|errors| wrong(&errors, change))?;
        }
        Ok(Some(layer))
    }
}

impl Order {
    fn audit(&self, before: Option<&Thing>, at: Time, revision: u64) -> Draft {
        let shown = |thing: &Thing| Written::of_text(&thing.shown());
        Draft {
            at,
            actor: self.actor.clone(),
            address: self.address.clone(),
            what: self.change.to_string(),
            action: self.change.action(before.is_some()).to_owned(),
            before: before.map(shown),
            after: self.change.after.as_ref().map(shown),
            reason: self.reason.clone(),
            revision: Some(revision),
        }
    }
}

/// What became of the order when it was given before, under the same key.
async fn repeated(writing: &mut Writing<'_>, order: &Order, since: Time) -> Result<Option<Outcome>, Trouble> {
    let Some((key, body)) = &order.idempotency else { return Ok(None) };
    let answered = writing.answered(key, since).await?;
    Ok(answered.map(|answered| match answered.body == *body {
        true => Outcome::Repeated(Box::new(answered)),
        false => Outcome::OtherBody,
    }))
}

/// What the library says of a layer, with the places of the body that would change it.
fn wrong(errors: &Errors, change: &Change) -> Vec<Wrong> {
    let front = match change.kind {
        Kind::Tier | Kind::Group | Kind::User => format!("{}.{}", change.kind.path(), change.name),
        _ => String::new(),
    };
    let ruleset = format!("ruleset {}", change.name);
    let of = |problem: &timebudget::config::Problem| {
        let is_ruleset = change.kind == Kind::Ruleset && problem.file() == ruleset;
        let in_body = problem
            .place()
            .strip_prefix(front.as_str())
            .filter(|_| problem.file() == LAYER && !front.is_empty());
        match in_body {
            // A layer has of a group nothing but its tier.
            Some("") if change.kind == Kind::Group => Wrong::new("tier", problem.message()),
            Some(rest) => Wrong::new(rest.trim_start_matches('.'), problem.message()),
            None if is_ruleset => Wrong::new(problem.place(), problem.message()),
            None => Wrong::new("", problem.to_string()),
        }
    };
    errors.problems().iter().map(of).collect()
}
