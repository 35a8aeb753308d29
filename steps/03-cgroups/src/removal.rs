//! The end of a cgroup: rmdir, of whatever lives in it too.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kit::Result;
use nix::errno::Errno;

use crate::group::{Group, children};
use crate::{control, explain};

impl Group {
    /// Removes the directories, and whatever lives in them: first by asking nicely, which is enough if the container
    /// has ended, then by killing.
    ///
    /// # Errors
    /// Something in them outlives SIGKILL for ten seconds: it hangs in the kernel.
    pub fn remove(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut pause = Duration::from_millis(1);
        loop {
            let mut busy = None;
            for node in &self.nodes {
                match remove_tree(&node.directory) {
                    Ok(()) => {}
                    Err(errno) => busy = Some((node, errno)),
                }
            }
            let Some((node, errno)) = busy else {
                return Ok(());
            };
            if errno != Errno::EBUSY || Instant::now() > deadline {
                let left = Self {
                    nodes: vec![node.clone()],
                };
                return Err(explain::remove(node, errno, &control::processes(&left)));
            }
            control::kill(self)?;
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Removes the directories if nobody lives in them.
    ///
    /// # Errors
    /// Somebody does.
    pub(crate) fn remove_empty(&self) -> Result<()> {
        self.nodes.iter().try_for_each(|node| {
            remove_tree(&node.directory)
                .map_err(|errno| explain::remove(node, errno, &control::processes(self)))
        })
    }
}

/// rmdir(2), of the directories below too: the files in a cgroup are not in the way, its children are.
pub(crate) fn remove_tree(directory: &Path) -> nix::Result<()> {
    match rmdir(directory) {
        Err(Errno::EBUSY) => {
            for child in children(directory) {
                remove_tree(&child)?;
            }
            rmdir(directory)
        }
        other => other,
    }
}

fn rmdir(directory: &Path) -> nix::Result<()> {
    match fs::remove_dir(directory) {
        Err(e) => match e.raw_os_error().map_or(Errno::EIO, Errno::from_raw) {
            Errno::ENOENT => Ok(()),
            errno => Err(errno),
        },
        Ok(()) => Ok(()),
    }
}
