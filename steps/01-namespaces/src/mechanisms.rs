//! The list that a container is.

use kit::{Error, Result};

use crate::exit::Exit;
use crate::mechanism::Mechanism;
use crate::plan::Plan;
use crate::stage::Stage;

/// The ordered list of a container's mechanisms. In which order they are added does not matter: each says where it
/// stands.
#[derive(Default)]
pub struct Mechanisms {
    list: Vec<Box<dyn Mechanism>>,
    /// What happens in the child, in order: at which stage, which mechanism. Made by [`sort`](Self::sort).
    way: Vec<(Stage, u8)>,
}

impl Mechanisms {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// And this one.
    #[must_use]
    pub fn and(mut self, mechanism: impl Mechanism + 'static) -> Self {
        self.list.push(Box::new(mechanism));
        self
    }

    /// And this one, if there is one.
    #[must_use]
    pub fn and_if(self, mechanism: Option<impl Mechanism + 'static>) -> Self {
        match mechanism {
            Some(mechanism) => self.and(mechanism),
            None => self,
        }
    }

    // ANCHOR: sort
    /// Puts the mechanisms into the order of their first stages, and all their stages into that of the child's way.
    ///
    /// # Errors
    /// Two mechanisms at one stage that has room for one; a mechanism without a stage.
    pub(crate) fn sort(&mut self) -> Result<()> {
        if self.list.len() > usize::from(u8::MAX - 1) {
            return Err(Error::new("a container is made of at most 254 mechanisms"));
        }
        self.list.sort_by_key(|one| one.stages().first().copied());
        self.way.clear();
        for (index, mechanism) in (0u8..).zip(&self.list) {
            let stages = mechanism.stages();
            if stages.is_empty() || !stages.is_sorted() {
                return Err(Error::new(format!(
                    "{} does not say where it stands: its stages are {stages:?}",
                    mechanism.name()
                )));
            }
            self.way.extend(stages.iter().map(|stage| (*stage, index)));
        }
        self.way.sort();
        let twice = self
            .way
            .windows(2)
            .find(|pair| pair[0].0 == pair[1].0 && !pair[0].0.is_shared());
        match twice {
            Some(&[(stage, one), (_, other)]) => Err(Error::new(format!(
                "{} and {} both want to be {stage:?} of the container",
                self.get(one).name(),
                self.get(other).name()
            ))
            .hint(
                "a container has one mechanism of each kind: leave one of the two out of the list",
            )),
            _ => Ok(()),
        }
    }
    // ANCHOR_END: sort

    pub(crate) fn entering(&self) -> impl Iterator<Item = (Stage, u8)> {
        self.way.iter().copied().filter(|(at, _)| !at.is_sealing())
    }

    pub(crate) fn sealing(&self) -> impl Iterator<Item = (Stage, u8)> {
        self.way.iter().copied().filter(|(at, _)| at.is_sealing())
    }

    pub(crate) fn get(&self, index: u8) -> &dyn Mechanism {
        &*self.list[usize::from(index)]
    }

    /// As the child has named it: a number from somewhere else is none of ours.
    pub(crate) fn find(&mut self, index: u8) -> Option<&mut Box<dyn Mechanism>> {
        self.list.get_mut(usize::from(index))
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Box<dyn Mechanism>> {
        self.list.iter_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Mechanism> {
        self.list.iter().map(|mechanism| &**mechanism)
    }

    /// Undoes the first `count`, the last of them first, whatever fails on the way.
    ///
    /// # Errors
    /// The first failure.
    pub(crate) fn undo(&mut self, count: usize, exit: &mut Exit) -> Result<()> {
        let mut result = Ok(());
        for mechanism in self.list[..count].iter_mut().rev() {
            kit::marker(mechanism.name(), "undo");
            let undone = mechanism.undo(exit);
            result = result.and(undone);
        }
        result
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// What the child would be born with, without anything being started: for those who only want to know.
    ///
    /// # Errors
    /// Whatever a mechanism refuses.
    pub fn plan(mut self) -> Result<Plan> {
        self.sort()?;
        let mut plan = Plan::default();
        for mechanism in self.iter_mut() {
            mechanism.prepare(&mut plan)?;
        }
        Ok(plan)
    }
}

impl std::fmt::Debug for Mechanisms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(Mechanism::name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(&'static str, &'static [Stage]);

    impl Mechanism for At {
        fn name(&self) -> &'static str {
            self.0
        }

        fn stages(&self) -> &'static [Stage] {
            self.1
        }

        fn prepare(&mut self, _: &mut Plan) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whatever_order_they_are_given_in_the_stages_decide() {
        let mut list = Mechanisms::new()
            .and(At("user", &[Stage::User]))
            .and(At("rootfs", &[Stage::Mounts, Stage::Pivot]))
            .and(At("hook", &[Stage::Mounted]))
            .and(At("namespaces", &[Stage::Namespaces]))
            .and(At("other hook", &[Stage::Mounted]))
            .and_if(None::<At>);
        list.sort().unwrap();
        assert_eq!(
            format!("{list:?}"),
            r#"["namespaces", "rootfs", "hook", "other hook", "user"]"#
        );
        let way = |way: &mut dyn Iterator<Item = (Stage, u8)>| -> Vec<_> {
            way.map(|(stage, index)| (stage, list.get(index).name()))
                .collect()
        };
        assert_eq!(
            way(&mut list.entering()),
            [
                (Stage::Namespaces, "namespaces"),
                (Stage::Mounts, "rootfs"),
                (Stage::Mounted, "hook"),
                (Stage::Mounted, "other hook"),
                (Stage::Pivot, "rootfs"),
            ]
        );
        assert_eq!(way(&mut list.sealing()), [(Stage::User, "user")]);
    }

    #[test]
    fn two_that_want_to_be_one_are_refused() {
        let two = Mechanisms::new()
            .and(At("one", &[Stage::Pivot]))
            .and(At("other", &[Stage::Pivot]));
        let error = two.plan().unwrap_err().to_string();
        assert_eq!(
            error,
            "one and other both want to be Pivot of the container"
        );
        for stages in [&[][..], &[Stage::Pivot, Stage::Mounts]] {
            let error = Mechanisms::new().and(At("lost", stages)).plan();
            assert!(
                error
                    .unwrap_err()
                    .to_string()
                    .starts_with("lost does not say")
            );
        }
    }
}
