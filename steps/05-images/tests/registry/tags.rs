//! Lists that come in pages, and pages that lead astray.

use harness::{Test, test};

use crate::fixtures::{app, assert_error, client, scripted};
use crate::server::{Reply, Server};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("tags_come_in_pages", &[], tags_come_in_pages),
        test("pages_of_tags_end", &[], pages_of_tags_end),
        test("pages_of_tags_are_of_one_host", &[], pages_of_one_host),
        test("what_is_no_tag_is_refused", &[], what_is_no_tag),
    ]
}

fn tags_of(server: &Server) -> kit::Result<Vec<String>> {
    client().tags(&app(&server.authority()))
}

fn tags_come_in_pages() {
    let registry = Server::new(|request| match request.path.as_str() {
        "/v2/app/tags/list" => Reply::ok(r#"{"name": "app", "tags": ["1", "2"]}"#)
            .header("Link", "</v2/app/tags/list?last=2&n=2>; rel=\"next\""),
        "/v2/app/tags/list?last=2&n=2" => Reply::ok(r#"{"tags": ["latest"]}"#),
        _ => Reply::new(404),
    });
    assert_eq!(tags_of(&registry).unwrap(), ["1", "2", "latest"]);
    let none = scripted(vec![Reply::ok(r#"{"name": "app", "tags": null}"#)]);
    assert_eq!(tags_of(&none).unwrap(), Vec::<String>::new());
    let gone = scripted(vec![Reply::new(404)]);
    assert_error(tags_of(&gone), "404");
}

fn pages_of_tags_end() {
    let page = Reply::ok(r#"{"tags": ["1"]}"#);
    let registry = scripted(vec![page.header("Link", "</v2/app/tags/list?x>; rel=next")]);
    assert_error(tags_of(&registry), "without end");
    assert_eq!(registry.log().len(), 2);
}

fn pages_of_one_host() {
    let evil = Server::new(|_| Reply::ok(r#"{"tags": ["evil"]}"#));
    let link = format!("<http://{}/v2/app/tags/list>; rel=next", evil.authority());
    let registry = scripted(vec![Reply::ok(r#"{"tags": ["1"]}"#).header("Link", link)]);
    assert_error(tags_of(&registry), "on another host");
    assert!(evil.log().is_empty());
}

fn what_is_no_tag() {
    for body in [
        r#"{"tags": ["../x"]}"#,
        r#"{"tags": ["a\u001b[31m"]}"#,
        r#"{"tags": [1]}"#,
        "[]",
        "no",
    ] {
        let registry = scripted(vec![Reply::ok(body)]);
        assert!(tags_of(&registry).is_err(), "{body}");
    }
}
