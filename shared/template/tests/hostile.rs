//! Templates that mean no good: every one ends, with an error or with output, and none with a panic.

use serde_json::json;
use template::{Template, Value};

fn run(template: &str) -> Result<String, String> {
    let data = Value::from(json!({
        "ID": "ab12", "Num": 42, "Nil": null, "Float": 1.5, "Tags": ["größe", "b", null],
        "Labels": {"a": "1", "b": {"c": [1, 2.5, true]}}, "Yes": true,
    }));
    let parsed = Template::parse(template).map_err(|error| error.to_string())?;
    parsed.render(&data).map_err(|error| error.to_string())
}

fn refused(template: &str, why: &str) {
    match run(template) {
        Err(error) => assert!(error.contains(why), "{error}"),
        Ok(output) => panic!("{} bytes of output", output.len()),
    }
}

#[test]
fn nesting_ends_before_the_stack_does() {
    let deep = 100_000;
    refused(
        &format!("{{{{{}1", "(".repeat(deep)),
        "nested deeper than 100",
    );
    refused(&"{{if 1}}".repeat(deep), "nested deeper than 100");
    refused(
        &"{{range .Tags}}".repeat(deep / 2),
        "nested deeper than 100",
    );
    refused(&"{{with 1}}".repeat(deep), "nested deeper than 100");
    refused(
        &"{{block \"a\" 1}}".repeat(deep / 2),
        "nested deeper than 100",
    );
    let chain = format!("{{{{if 0}}}}{}", "{{else if 0}}".repeat(deep / 2));
    refused(&chain, "nested deeper than 100");
    refused(
        &format!("{{{{ .ID{} }}}}", ".X".repeat(deep)),
        "can't evaluate field X",
    );
    let pipes = format!("{{{{ .ID{} }}}}", " | upper".repeat(deep / 2));
    assert_eq!(run(&pipes), Ok("AB12".to_owned()));
}

#[test]
fn the_deepest_template_that_is_allowed_runs() {
    let parens = format!("{{{{{}1{}}}}}", "(".repeat(100), ")".repeat(100));
    assert_eq!(run(&parens), Ok("1".to_owned()));
    let ranges = format!("{}x{}", "{{range 1}}".repeat(100), "{{end}}".repeat(100));
    assert_eq!(run(&ranges), Ok("x".to_owned()));
    // Calls of calls, each with as much inside as it can hold.
    let inside = format!(
        "{}{{{{template \"a\"}}}}{}",
        "{{if 1}}".repeat(90),
        "{{end}}".repeat(90)
    );
    refused(
        &format!("{{{{define \"a\"}}}}{inside}{{{{end}}}}{{{{template \"a\"}}}}"),
        "exceeded maximum template depth (200)",
    );
    let inside = format!("{{{{{}1{}}}}}", "print (".repeat(99), ")".repeat(99));
    refused(
        &format!(
            "{{{{define \"a\"}}}}{inside}{{{{template \"a\"}}}}{{{{end}}}}{{{{template \"a\"}}}}"
        ),
        "exceeded maximum template depth (200)",
    );
}

#[test]
fn what_would_never_end_is_stopped() {
    refused(
        "{{range 9223372036854775807}}{{end}}",
        "more than 5000000 steps",
    );
    refused(
        &format!("{{{{range 99999999}}}}{}{{{{end}}}}", "x".repeat(1000)),
        "the output is longer than",
    );
    let grown = "{{$x := \"0123456789abcdef\"}}{{range 64}}{{$x = printf \"%s%s\" $x $x}}{{end}}";
    refused(grown, "makes a string longer than");
    refused("{{pad .ID 9223372036854775807 0}}", "more than");
    refused(
        "{{range 1000}}{{printf \"%1000000d\" 1}}{{end}}",
        "the output is longer than",
    );
    refused(
        &format!("{{{{printf \"{}\" 1}}}}", "%1000000[1]d".repeat(500)),
        "longer than",
    );
    refused(&"x".repeat((1 << 20) + 1), "the text is longer than");
    assert_eq!(
        run(&"x".repeat(1 << 20)).map(|output| output.len()),
        Ok(1 << 20)
    );
    let precise = run("{{printf \"%.1000000f\" 1.5}}").unwrap();
    assert_eq!(precise.len(), 1_000_002);
}

#[test]
fn characters_are_never_cut() {
    assert_eq!(run("{{truncate (index .Tags 0) 3}}"), Ok("gr".to_owned()));
    assert_eq!(run("{{slice (index .Tags 0) 3 4}}"), Ok("ö".to_owned()));
    refused("{{\"\\xff\"}}", "string is not UTF-8");
    refused("{{1i}}", "imaginary numbers are not supported");
    refused(
        "{{0x1p4}}",
        "hexadecimal floating-point numbers are not supported",
    );
}

/// Pieces from which templates are thrown together.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "{{", "}}", "{{-", "-}}", " - }}", " ", "\n", "\t", ".", ".ID", ".Tags", ".Labels", ".Nil", ".Num", ".Float", ".X", "$",
    "$x", "$x := ", "$x = ", "$i, $x := ", ",", "|", " | ", "(", ")", "if ", "else", "else if ", "else with ", "end", "range ",
    "with ", "define ", "template ", "block ", "break", "continue", "nil", "true", "\"a\"", "\"%5.3v|%[2]d\"", "`raw`", "'c'",
    "'", "\"", "`", "\\", "1", "-1", "0x1F", "1.5e3", "99999999999", "1_000", "/*", "*/", "{{end}}", "{{if .ID}}",
    "{{range .Tags}}", "{{.}}", "{{else}}", "printf ", "print ", "index ", "slice ", "len ", "json ", "join ", "split ", "upper ",
    "title ", "pad ", "truncate ", "eq ", "lt ", "and ", "or ", "not ", "html ", "js ", "urlquery ", "call ", "ö", "日", "\u{301}",
    "%", "%*d", "%#v", "%x", "%!", "\0", "€", "text", "@", "+", "=", ":=", ":",
];

#[test]
fn random_templates_do_not_panic() {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut rendered = 0;
    for round in 0..60_000 {
        let mut template = String::new();
        for _ in 0..1 + random(12) {
            template.push_str(PIECES[random(PIECES.len())]);
        }
        // Half of them stand inside an action from the start, where there is more to get wrong.
        if round % 2 == 0 {
            template = format!("{{{{{template}}}}}");
        }
        rendered += usize::from(run(&template).is_ok());
    }
    assert!(rendered > 1_000, "only {rendered} templates were good");
}

#[test]
fn random_formats_do_not_panic() {
    let mut state: u64 = 7;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let characters: Vec<char> = "%%%%%+-# 0123456789.*[]dsqxXvtTcUeEfFgGboOpw!ö"
        .chars()
        .collect();
    for _ in 0..60_000 {
        let format: String = (0..random(14))
            .map(|_| characters[random(characters.len())])
            .collect();
        let arguments = [
            "",
            ".Num",
            ".ID .Float",
            "-7 .Tags .Labels",
            ".Nil 1.5 true \"ö\"",
        ];
        let template = format!(
            "{{{{printf `{format}` {}}}}}",
            arguments[random(arguments.len())]
        );
        run(&template).unwrap_or_else(|error| panic!("{template}: {error}"));
    }
}
