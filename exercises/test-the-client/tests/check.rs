//! The clients that the learner's test has to tell apart: some that are right, and wrong ones.

use std::cell::Cell;
use std::process::ExitCode;

use checks::tester::{accepted, rejected};
use checks::{Check, Outcome, ensure};
use exercise::{Registry, Reply, Request, Secret, Wanted};
use layers::digest::Digest;

pub fn main() -> ExitCode {
    checks::main(&[
        Check {
            id: "right",
            asks: "the right client is accepted",
            run: || accepts(Way::Resumes),
        },
        Check {
            id: "starts-over",
            asks: "so is one that fetches all of it again, which is right as well",
            run: || accepts(Way::StartsOver),
        },
        Check {
            id: "cut",
            asks: "a client that takes what was cut short is rejected",
            run: || rejects(Way::TakesCut),
        },
        Check {
            id: "digest",
            asks: "a client that does not look at the digest is rejected",
            run: || rejects(Way::AnyDigest),
        },
        Check {
            id: "longer",
            asks: "a client that stops at the length that it wants is rejected",
            run: || rejects(Way::Longer),
        },
        Check {
            id: "type",
            asks: "a client that takes any media type is rejected",
            run: || rejects(Way::AnyType),
        },
        Check {
            id: "no-token",
            asks: "a client that fetches no token is rejected",
            run: || rejects(Way::NoToken),
        },
        Check {
            id: "account-first",
            asks: "a client that shows the registry its account is rejected",
            run: || rejects(Way::AccountFirst),
        },
        Check {
            id: "redirect",
            asks: "a client that shows its token where a redirect leads is rejected",
            run: || rejects(Way::TokenForAll),
        },
        Check {
            id: "asked-back",
            asks: "a client that answers the challenge of any host is rejected",
            run: || rejects(Way::WhoeverAsks),
        },
        Check {
            id: "busy",
            asks: "a client that gives up at a 503 is rejected",
            run: || rejects(Way::NotAgain),
        },
        Check {
            id: "stall",
            asks: "a client that waits for ever is rejected",
            run: || rejects(Way::Waits),
        },
        Check {
            id: "no",
            asks: "a client that takes no 404 for a no is rejected",
            run: || rejects(Way::EveryNo),
        },
        Check {
            id: "until-it-works",
            asks: "a client that fetches tokens without end is rejected",
            run: || rejects(Way::TokensForEver),
        },
        Check {
            id: "nothing",
            asks: "a client that refuses everything is rejected",
            run: || rejects(Way::Nothing),
        },
    ])
}

/// Ways of a client, two of which are right.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Resumes,
    StartsOver,
    TakesCut,
    AnyDigest,
    Longer,
    AnyType,
    NoToken,
    AccountFirst,
    TokenForAll,
    WhoeverAsks,
    NotAgain,
    Waits,
    EveryNo,
    TokensForEver,
    Nothing,
}

const REGISTRY: &str = "registry.test";
const ATTEMPTS: usize = 4;
/// What a client that never gives up does until it gives up.
const FOR_EVER: usize = 60;

fn accepts(way: Way) -> Outcome {
    let used = Cell::new(false);
    let judgement = exercise::judge(&|wanted, registry| {
        used.set(true);
        Client::new(way, wanted, registry).fetch()
    });
    ensure!(
        used.get(),
        "not-asked",
        "your test does not ask the client for anything"
    );
    accepted(judgement)
}

fn rejects(way: Way) -> Outcome {
    rejected(exercise::judge(&|wanted, registry| {
        Client::new(way, wanted, registry).fetch()
    }))
}

struct Client<'a> {
    way: Way,
    wanted: &'a Wanted,
    registry: Registry<'a>,
    text: String,
    token: Option<Secret>,
    tokens: usize,
}

/// How an attempt failed.
enum Failure {
    /// It may go better the next time.
    BadMoment(String),
    /// It will not.
    No(String),
}

impl<'a> Client<'a> {
    fn new(way: Way, wanted: &'a Wanted, registry: Registry<'a>) -> Self {
        Self {
            way,
            wanted,
            registry,
            text: String::new(),
            token: None,
            tokens: 0,
        }
    }

    fn fetch(mut self) -> Result<String, String> {
        if self.way == Way::Nothing {
            return Err("this client refuses everything".to_owned());
        }
        let attempts = match self.way {
            Way::EveryNo => FOR_EVER,
            _ => ATTEMPTS,
        };
        let mut last = String::new();
        for _ in 0..attempts {
            match self.attempt() {
                Ok(()) => return self.verified(),
                Err(Failure::No(why)) if self.way != Way::EveryNo => return Err(why),
                Err(Failure::BadMoment(why)) if self.way == Way::NotAgain => return Err(why),
                Err(Failure::No(why) | Failure::BadMoment(why)) => last = why,
            }
        }
        Err(last)
    }

    fn verified(self) -> Result<String, String> {
        let Wanted { digest, size, .. } = self.wanted;
        let is_right = match self.way {
            Way::AnyDigest => self.text.len() == *size,
            Way::TakesCut if self.text.len() < *size => true,
            _ => self.text.len() == *size && Digest::of(&self.text) == *digest,
        };
        match is_right {
            true => Ok(self.text),
            false => Err("what came is not what was wanted".to_owned()),
        }
    }

    /// Asks the registry, goes where it sends us, and takes what comes.
    fn attempt(&mut self) -> Result<(), Failure> {
        if self.way != Way::Resumes {
            self.text.clear();
        }
        let most = match self.way {
            Way::TokensForEver => FOR_EVER,
            _ => 5,
        };
        let mut host = REGISTRY.to_owned();
        for _ in 0..most {
            let reply = (self.registry)(&Request {
                host: host.clone(),
                for_token: false,
                secret: self.secret(&host),
                from: self.text.len(),
            });
            match reply {
                Reply::Redirect(to) => host = to.to_owned(),
                Reply::Challenge(realm) => {
                    self.answer(&host, realm)?;
                    host = REGISTRY.to_owned();
                }
                reply => return self.take(reply),
            }
        }
        Err(Failure::No(
            "the registry sends us round in circles".to_owned(),
        ))
    }

    fn secret(&self, host: &str) -> Option<Secret> {
        match (self.way, &self.token) {
            (Way::AccountFirst, None) if host == REGISTRY => Some(Secret::Account),
            (Way::TokenForAll, token) => token.clone(),
            (_, token) if host == REGISTRY => token.clone(),
            _ => None,
        }
    }

    /// Fetches a token, once.
    fn answer(&mut self, host: &str, realm: &str) -> Result<(), Failure> {
        let most = match self.way {
            Way::NoToken => 0,
            Way::TokensForEver => FOR_EVER,
            _ => 1,
        };
        let may_ask = host == REGISTRY || self.way == Way::WhoeverAsks;
        if !may_ask || self.tokens == most {
            return Err(Failure::No(format!("{host} wants to know who asks")));
        }
        self.tokens += 1;
        let reply = (self.registry)(&Request {
            host: realm.to_owned(),
            for_token: true,
            secret: Some(Secret::Account),
            from: 0,
        });
        match reply {
            Reply::Token(token) => {
                self.token = Some(Secret::Token(token.to_owned()));
                Ok(())
            }
            reply => Err(Failure::No(format!(
                "instead of a token there is {reply:?}"
            ))),
        }
    }

    fn take(&mut self, reply: Reply) -> Result<(), Failure> {
        let bad_moment = |what: &str| Err(Failure::BadMoment(what.to_owned()));
        match reply {
            Reply::Body(media_type, _)
                if media_type != self.wanted.media_type && self.way != Way::AnyType =>
            {
                Err(Failure::No(format!("{media_type} is not what was wanted")))
            }
            Reply::Body(_, text) => {
                let most = match self.way {
                    Way::Longer => self.wanted.size,
                    _ => text.len(),
                };
                self.text = text.chars().take(most).collect();
                Ok(())
            }
            Reply::Rest(text) => {
                self.text += text;
                Ok(())
            }
            Reply::Cut(text) | Reply::Stall(text) if self.way == Way::TakesCut => {
                self.text = text.to_owned();
                Ok(())
            }
            Reply::Stall(_) if self.way == Way::Waits => {
                Err(Failure::No("still waiting".to_owned()))
            }
            Reply::Cut(text) | Reply::Stall(text) => {
                self.text += text;
                bad_moment("the connection broke")
            }
            Reply::Status(429 | 500..) => bad_moment("the registry is busy"),
            reply => Err(Failure::No(format!("{reply:?}"))),
        }
    }
}
