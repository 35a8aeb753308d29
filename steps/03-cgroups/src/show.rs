//! What `ls` and `stats` print.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::Table;
use kit::{Error, Result};

use crate::format::{bytes, time};
use crate::{Group, Stats, control, record};

/// Options of `stats`.
#[derive(Args, Clone, Debug)]
pub struct StatsOptions {
    /// The container's name, or the beginning of its id; without one, all containers
    name: Option<String>,

    /// All containers, in a table
    #[arg(long, conflicts_with = "name")]
    all: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A table of the containers that run.
pub(crate) fn list() -> Result<String> {
    let mut table = table(&["NAME", "PROCESSES", "STATE", "CGROUP"]);
    for (name, group) in record::all()? {
        let processes = control::processes(&group).len().to_string();
        let state = if control::is_frozen(&group) {
            "frozen"
        } else {
            "running"
        };
        let place = group
            .nodes
            .first()
            .map_or_else(String::new, |node| node.directory.display().to_string());
        table.add_row([name, processes, state.to_owned(), place]);
    }
    Ok(table.trim_fmt())
}

/// The figures of one container, or of all.
pub(crate) fn stats(options: &StatsOptions) -> Result<String> {
    let containers = match &options.name {
        Some(name) => vec![record::find(name)?],
        None => record::all()?,
    };
    let read = |(name, group): (String, Group)| (name, Stats::read(&group));
    let stats: BTreeMap<String, Stats> = containers.into_iter().map(read).collect();
    match (options.json, &options.name) {
        (true, _) => json(&stats),
        (false, Some(_)) => {
            let lines = stats
                .values()
                .flat_map(details)
                .map(|(key, value)| format!("{key:<24}{value}"));
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
        (false, None) => Ok(overview(&stats)),
    }
}

fn json(stats: &BTreeMap<String, Stats>) -> Result<String> {
    serde_json::to_string_pretty(stats)
        .map_err(|error| Error::new(format!("cannot write the figures as JSON: {error}")))
}

const NONE: &str = "-";

fn overview(all: &BTreeMap<String, Stats>) -> String {
    let mut table = table(&[
        "NAME",
        "CPU TIME",
        "THROTTLED",
        "MEM USAGE / LIMIT",
        "PEAK",
        "PIDS",
        "OOM KILLS",
    ]);
    for (name, stats) in all {
        let memory = &stats.memory;
        // As Docker counts: a cache that the kernel would give back at once is not "used".
        let used = memory
            .current
            .map(|current| current.saturating_sub(memory.inactive_file.unwrap_or(0)));
        table.add_row([
            name.clone(),
            or_none(stats.cpu.usage_us, time),
            or_none(stats.cpu.throttled_us, time),
            format!("{} / {}", or_none(used, bytes), or_none(memory.max, bytes)),
            or_none(memory.peak, bytes),
            format!(
                "{} / {}",
                or_none(stats.pids.current, plain),
                or_none(stats.pids.max, plain)
            ),
            or_none(memory.oom_kills, plain),
        ]);
    }
    table.trim_fmt()
}

/// Every figure that this host has, by the name that v2 gives it.
fn details(stats: &Stats) -> Vec<(String, String)> {
    let (cpu, memory, pids) = (&stats.cpu, &stats.memory, &stats.pids);
    let mut lines: Vec<(String, String)> = [
        ("cpu.usage", cpu.usage_us.map(time)),
        ("cpu.user", cpu.user_us.map(time)),
        ("cpu.system", cpu.system_us.map(time)),
        ("cpu.periods", cpu.periods.map(plain)),
        ("cpu.throttled_periods", cpu.throttled_periods.map(plain)),
        ("cpu.throttled", cpu.throttled_us.map(time)),
        ("memory.current", memory.current.map(bytes)),
        ("memory.inactive_file", memory.inactive_file.map(bytes)),
        ("memory.max", memory.max.map(bytes)),
        ("memory.peak", memory.peak.map(bytes)),
        ("memory.swap", memory.swap.map(bytes)),
        ("memory.limit_hits", memory.limit_hits.map(plain)),
        ("memory.oom_kills", memory.oom_kills.map(plain)),
        ("pids.current", pids.current.map(plain)),
        ("pids.max", pids.max.map(plain)),
        ("pids.refused", pids.refused.map(plain)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect();
    for (device, io) in &stats.io {
        lines.push((
            format!("io.{device}.read"),
            format!("{} in {}", bytes(io.read_bytes), io.reads),
        ));
        lines.push((
            format!("io.{device}.write"),
            format!("{} in {}", bytes(io.write_bytes), io.writes),
        ));
    }
    let pressures = [
        ("cpu", stats.pressure.cpu),
        ("memory", stats.pressure.memory),
        ("io", stats.pressure.io),
    ];
    for (resource, pressure) in pressures {
        if let Some(pressure) = pressure {
            let (some, full) = (pressure.some, pressure.full);
            lines.push((
                format!("{resource}.pressure.some"),
                format!("{:.2} % of the last 10 s", some.avg10),
            ));
            lines.push((
                format!("{resource}.pressure.full"),
                format!("{:.2} % of the last 10 s", full.avg10),
            ));
        }
    }
    let state = if stats.frozen { "frozen" } else { "running" };
    lines.push(("state".to_owned(), state.to_owned()));
    lines
}

fn plain(number: u64) -> String {
    number.to_string()
}

fn or_none(number: Option<u64>, show: impl Fn(u64) -> String) -> String {
    number.map_or_else(|| NONE.to_owned(), show)
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table
}
