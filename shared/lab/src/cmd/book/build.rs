//! `cargo lab book build` and `serve`: mdBook makes the pages, and we show them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::LazyLock;
use std::time::SystemTime;

use anyhow::{Context, Result};
use regex::Regex;
use tiny_http::{Header, Request, Response, Server};

use super::{folder, generated};
use crate::privilege::quiet;
use crate::process;
use crate::repo::Repo;
use crate::ui::{self, say, step};

/// The mdBook that the pages are made for.
const MDBOOK: &str = "0.5.4";

pub(crate) fn build(repo: &Repo) -> Result<ExitCode> {
    let place = make(repo)?;
    step("book", place.join("index.html").display());
    Ok(ExitCode::SUCCESS)
}

/// Brings the generated parts up to date and makes the pages. Returns where they are.
fn make(repo: &Repo) -> Result<PathBuf> {
    for name in generated::write(repo)? {
        step("wrote", name);
    }
    let place = repo.root.join("target/book");
    let mut mdbook = mdbook(repo)?;
    // Its own notices are of no interest; what is wrong comes as a warning or an error.
    mdbook.env("MDBOOK_LOG", "warn");
    process::run(
        mdbook
            .arg("build")
            .arg(folder(repo))
            .arg("--dest-dir")
            .arg(&place),
    )?;
    let requests = requests_abroad(&place)?;
    anyhow::ensure!(
        requests.is_empty(),
        "the book has to work without a network, and these would need one: {}",
        requests.join(", ")
    );
    Ok(place)
}

/// What a browser would fetch by itself from elsewhere than the book.
fn requests_abroad(place: &Path) -> Result<Vec<String>> {
    let mut requests = Vec::new();
    for entry in fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            requests.extend(requests_abroad(&path)?);
        } else if path
            .extension()
            .is_some_and(|kind| kind == "html" || kind == "css")
        {
            let text = fs::read_to_string(&path)?;
            requests.extend(
                ABROAD
                    .find_iter(&text)
                    .map(|found| format!("{} in {}", found.as_str(), path.display())),
            );
        }
    }
    Ok(requests)
}

/// Anything but a link that a reader has to follow.
static ABROAD: LazyLock<Regex> = LazyLock::new(|| {
    let tags = r#"<(?:script|img|iframe|link|source|audio|video|embed|object)\b[^>]*\b(?:src|href|data)=["']?(?:https?:)?//[^>]*>"#;
    let styles = r#"(?:url\(|@import\s*)\s*["']?(?:https?:)?//[^)"';]*"#;
    Regex::new(&format!("{tags}|{styles}")).expect("well-formed: the tests use it")
});

/// mdBook, installed if it is missing.
fn mdbook(repo: &Repo) -> Result<Command> {
    let home = std::env::home_dir().unwrap_or_default();
    let cargo_home =
        std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let candidates = [PathBuf::from("mdbook"), cargo_home.join("bin/mdbook")];
    let is_ours = |program: &PathBuf| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| {
                String::from_utf8_lossy(&output.stdout).trim() == format!("mdbook v{MDBOOK}")
            })
    };
    if let Some(program) = candidates.iter().find(|program| is_ours(program)) {
        return Ok(Command::new(program));
    }
    let [_, installed] = candidates;
    step(
        "mdbook",
        format_args!(
            "mdBook {MDBOOK} is not here: installing it from crates.io as {}, which takes some minutes",
            installed.display()
        ),
    );
    // Without its own server, which would bring an asynchronous runtime and half of its dependencies.
    process::run(
        repo.cargo()?
            .args([
                "install",
                "--quiet",
                "--locked",
                "--force",
                "--version",
                MDBOOK,
            ])
            .args(["--no-default-features", "--features", "search", "mdbook"]),
    )?;
    anyhow::ensure!(
        quiet(Command::new(&installed).arg("--version")),
        "{} does not run",
        installed.display()
    );
    Ok(Command::new(installed))
}

pub(crate) fn serve(repo: &Repo, address: IpAddr, port: u16) -> Result<ExitCode> {
    let place = make(repo)?;
    let mut made = SystemTime::now();
    let listener = listen(address, port)?;
    let here = listener.local_addr()?;
    let server = Server::from_listener(listener, None)
        .map_err(|error| anyhow::anyhow!("cannot serve: {error}"))?;
    say!(
        "The book is at http://{here}/ until ctrl-c; a page that is loaded again shows what has changed."
    );
    for request in server.incoming_requests() {
        // A file that vanishes while we look has changed: editors save by renaming.
        if request.url().ends_with(['/', 'l']) && changed_since(&folder(repo), made).unwrap_or(true)
        {
            made = SystemTime::now();
            if let Err(error) = make(repo) {
                // The reader has just made a mistake in a page: the next load shows whether it is mended.
                ui::error(&error);
            }
        }
        answer(&place, request);
    }
    Ok(ExitCode::SUCCESS)
}

/// The port that is wanted, or, if it is taken, one that is free.
fn listen(address: IpAddr, port: u16) -> Result<TcpListener> {
    let wanted = SocketAddr::new(address, port);
    match TcpListener::bind(wanted) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            say!("Port {port} is taken, so another is used.");
            Ok(TcpListener::bind(SocketAddr::new(address, 0))?)
        }
        result => result.with_context(|| format!("cannot listen on {wanted}")),
    }
}

/// By default only this machine sees the book.
pub(crate) const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn answer(place: &Path, request: Request) {
    let response =
        match file(place, request.url()).and_then(|path| Some((fs::read(&path).ok()?, path))) {
            Some((body, path)) => Response::from_data(body).with_header(content_type(&path)),
            None => {
                let body = fs::read(place.join("404.html")).unwrap_or_default();
                Response::from_data(body)
                    .with_status_code(404)
                    .with_header(content_type(Path::new("404.html")))
            }
        };
    // The browser may have gone away meanwhile.
    let _ = request.respond(response);
}

/// The file that a request names; nothing outside of `place` can be named.
fn file(place: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.trim_start_matches('/');
    let path = Path::new(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then_some(())?;
    let path = place.join(path);
    Some(if path.is_dir() {
        path.join("index.html")
    } else {
        path
    })
}

fn content_type(path: &Path) -> Header {
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    let Ok(header) = Header::from_bytes("Content-Type", kind) else {
        unreachable!("the table above holds plain words")
    };
    header
}

/// Whether anything in the book is younger than `time`.
fn changed_since(directory: &Path, time: SystemTime) -> Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() && changed_since(&entry.path(), time)? {
            return Ok(true);
        }
        if metadata.is_file() && metadata.modified()? > time {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_file_of_the_book_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        fs::create_dir(place.join("css")).unwrap();
        assert_eq!(file(place, "/a.html?x=1"), Some(place.join("a.html")));
        assert_eq!(file(place, "/"), Some(place.join("index.html")));
        assert_eq!(file(place, "/css/"), Some(place.join("css/index.html")));
        for url in ["/../secret", "/css/../../secret", "/./x/../../y"] {
            assert_eq!(file(place, url), None, "{url}");
        }
        assert_eq!(file(place, "//etc/passwd"), Some(place.join("etc/passwd")));
    }

    #[test]
    fn a_page_that_would_fetch_something_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("page.html");
        for (text, count) in [
            (
                "<a href=\"https://man7.org/\">a link</a><img src=\"x.svg\"><link href=\"book.css\">",
                0,
            ),
            ("<script src=\"https://cdn.example.org/x.js\"></script>", 1),
            (
                "<link rel=\"stylesheet\" href='//fonts.example.org/f.css'>",
                1,
            ),
            (
                "<style>@import \"https://example.org/x.css\"; a { background: url(http://example.org/i.png) }</style>",
                2,
            ),
        ] {
            fs::write(&page, text).unwrap();
            assert_eq!(
                requests_abroad(directory.path()).unwrap().len(),
                count,
                "{text}"
            );
        }
    }

    #[test]
    fn a_port_that_is_taken_is_no_obstacle() {
        let first = listen(LOCAL, 0).unwrap();
        let taken = first.local_addr().unwrap().port();
        let second = listen(LOCAL, taken).unwrap();
        assert_ne!(second.local_addr().unwrap().port(), taken);
    }
}
