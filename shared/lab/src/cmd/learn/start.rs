//! `cargo lab start [SLUG]`: an exercise's files, ready to be worked on.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::{Desk, confirmed};
use crate::exercise::catalogue::{self, SOLUTION, TASK, read};
use crate::exercise::progress::Progress;
use crate::exercise::workbook::Started;
use crate::ui::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The exercise; without it, the next one
    slug: Option<String>,
    /// Begin from the starter again; your work is kept beside it
    #[arg(long)]
    again: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::open()?;
    let exercise = match &arguments.slug {
        Some(slug) => catalogue::find(&desk.exercises, slug)?,
        None => desk
            .next()?
            .context("there is no exercise left: you have passed them all")?,
    };
    let slug = &exercise.slug;
    let started = desk.workbook.start(&desk.repo, exercise)?;
    if arguments.again && started == Started::Kept {
        let question = format!("Begin {slug} from the starter again? Your work is kept beside it.");
        if !arguments.yes && !confirmed(&question)? {
            bail!("nothing was changed (`--yes` answers the question)");
        }
        let kept = desk.workbook.start_again(exercise)?;
        say!("Your work is now {}.", kept.display());
    }
    Progress::update(&desk.workbook.directory, slug, |_| {})?;
    match started {
        Started::New => {}
        Started::Kept if !arguments.again => {
            say!("You have started {slug} before: your work is as you left it.")
        }
        Started::Kept => {}
        Started::Mended => {
            say!("What was missing in workbook/{slug} is there again; the rest is as it was.")
        }
    }
    say!(
        "{}: {} ({} minutes, {} points)\n\n{}",
        slug,
        exercise.about.kind.word(),
        exercise.about.minutes,
        exercise.about.points,
        read(&exercise.directory.join(TASK))?.trim_end()
    );
    say!("\nNow edit workbook/{slug}/{SOLUTION}, then:\n");
    say!("  cargo lab check   checks it          cargo lab watch   checks it each time you save");
    say!("  cargo lab hint    if you are stuck");
    Ok(ExitCode::SUCCESS)
}
