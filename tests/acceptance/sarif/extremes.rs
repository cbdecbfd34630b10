//! SARIF at the edges of what tools write, and beyond.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a log is put together from what json! gives"
)]

use serde_json::{Value, json};

use super::Case;

/// One run of a tool of its own with these rules and results.
fn log(rules: Value, results: Value) -> Value {
    json!({"version": "2.1.0", "runs": [run("Extreme", rules, results)]})
}

fn run(tool: &str, rules: Value, results: Value) -> Value {
    json!({
        "tool": {"driver": {"name": tool, "version": "1.0", "informationUri": "https://example.com", "rules": rules}},
        "results": results,
    })
}

fn result(uri: &str, region: Value) -> Value {
    let physical = json!({"artifactLocation": {"uri": uri}, "region": region});
    json!({"ruleId": "E1", "message": {"text": "found it"}, "locations": [{"physicalLocation": physical}]})
}

fn case(name: &str, log: &Value, results: usize) -> Case {
    Case {
        name: name.to_owned(),
        logs: vec![log.to_string().into_bytes()],
        results,
        files: 1,
        code: 0,
    }
}

/// Results alone, whose rules nobody describes.
fn bare(name: &str, results: Vec<Value>) -> Case {
    let count = results.len();
    case(name, &log(json!(null), results.into()), count)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        bare("no-results", Vec::new()),
        many("many-low", "note", 5_000, 1),
        many("many-high", "error", 25_000, 16),
        letters(),
        regions(),
        uris(),
        places(),
        suppressed(),
        embedded(),
        several_runs(),
        rules(),
        rule_references(),
        flows(),
        incomplete(),
        wrong_shapes(),
        doubled_keys(),
    ]
}

/// 25,000 results of 50 rules: the low ones beyond what GitHub keeps are left out; of the high ones
/// none is, in as many files as that takes.
fn many(name: &str, level: &str, results: usize, files: usize) -> Case {
    let all: Vec<Value> = (1..=25_000)
        .map(|number| {
            let mut result = result("src/app.py", json!({"startLine": number}));
            result["ruleId"] = json!(format!("E{}", number % 50));
            result["level"] = json!(level);
            result
        })
        .collect();
    let mut case = case(name, &log(json!([]), all.into()), results);
    case.files = files;
    case
}

/// Letters of every kind in every text.
fn letters() -> Case {
    let texts = [
        "ünï çødé — 扫描 🦀🏳️‍🌈",
        "\u{202e}txet deppilf\u{202c} \u{feff}\u{2028}\u{2029}",
        "control \u{0}\u{1}\u{7}\u{1b}[31m\u{7f}\u{9f} \r\n\ttext",
        "::error::not one\n::set-output name=x::y",
        "<script>alert(1)</script> [link](javascript:x) {0} {{ }} %20 \\ \"",
        "\u{ffff}\u{10ffff}\u{e000}",
    ];
    let rules: Vec<Value> = texts
        .iter()
        .map(|text| {
            let it = json!({"text": text});
            json!({"id": text, "name": text, "shortDescription": it, "fullDescription": it, "help": it,
                "properties": {"tags": [text]}})
        })
        .collect();
    let results = texts.iter().map(|text| {
        let mut result = result("src/ünï code/my app.py", json!({"startLine": 2}));
        result["ruleId"] = json!(text);
        result["message"]["text"] = json!(text);
        result
    });
    let mut log = log(rules.into(), results.collect());
    log["runs"][0]["tool"]["driver"]["name"] = json!(texts[0]);
    case("letters", &log, texts.len())
}

/// Lines and columns that are not there, not in order, not numbers.
fn regions() -> Case {
    let regions = [
        json!({"startLine": 1}),
        json!({"startLine": 1, "startColumn": 1, "endColumn": 1}),
        json!({"startLine": 3, "startColumn": 9, "endLine": 2, "endColumn": 1}),
        json!({"startLine": 3, "startColumn": 9, "endColumn": 2}),
        json!({"startLine": 3, "startColumn": 9, "endLine": 4, "endColumn": 2}),
        json!({"startLine": 0, "startColumn": 0, "endLine": 0, "endColumn": 0}),
        json!({"startLine": -7, "startColumn": -7}),
        json!({"startLine": 999_999_999, "endLine": 4_294_967_295_u32}),
        json!({"startLine": 2_147_483_647, "startColumn": 2_147_483_647}),
        json!({"startLine": 2_147_483_648_u32}),
        json!({"startLine": 4_294_967_296_u64}),
        json!({"startLine": 1e300, "endColumn": -1e300}),
        json!({"startLine": "12", "endLine": "twelve"}),
        json!({"startLine": 1.5}),
        json!({"charOffset": 100, "charLength": 5}),
        json!({"byteOffset": 0, "byteLength": 0}),
        json!({}),
        json!(null),
    ];
    let results = regions
        .into_iter()
        .map(|region| result("src/app.py", region));
    bare("regions", results.collect())
}

/// URIs as tools write them, and as nobody should.
fn uris() -> Case {
    let uris = [
        "src/app.py",
        "src/ünï code/my app.py",
        "src/%C3%BCn%C3%AF%20code/my%20app.py",
        "src/100%.py",
        "src/%zz/%",
        "a\nb/c\td.py",
        "a%0Ab.py",
        "a%00b.py",
        "src\\app.py",
        "C:\\work\\repo\\src\\app.py",
        "file:///C:/work/repo/src/app.py",
        "file:///github/workspace/src/app.py",
        "file://host/share/src/app.py",
        "/home/runner/work/app/app/src/app.py",
        "https://example.com/a.py?b=c#d",
        "a.py?b#c",
        "a:b/c.py",
        "x:y",
        "../../etc/passwd",
        "/etc/passwd",
        "./././src//app.py",
        ".",
        "..",
        "/",
        " ",
        "[a]{b}|^`<>\"'.py",
        "git+ssh://example.com/a",
    ];
    let mut results: Vec<Value> = uris
        .iter()
        .map(|uri| result(uri, json!({"startLine": 1})))
        .collect();
    results.push(result(&"long/".repeat(2_000), json!({"startLine": 1})));
    bare("uris", results)
}

/// Places that are none, or more than one.
fn places() -> Case {
    let message = json!({"text": "somewhere"});
    let place = |uri: &str| json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}});
    let many: Vec<Value> = (0..1_500)
        .map(|number| place(&format!("f{number}")))
        .collect();
    let results = vec![
        json!({"ruleId": "E1", "message": message}),
        json!({"ruleId": "E1", "message": message, "locations": []}),
        json!({"ruleId": "E1", "message": message, "locations": [null, 7, {}]}),
        json!({"ruleId": "E1", "message": message, "locations": [
            {"logicalLocations": [{"fullyQualifiedName": "a::b"}]}]}),
        json!({"ruleId": "E1", "message": message, "locations": [
            {"physicalLocation": {"artifactLocation": {"index": 9}}}]}),
        json!({"ruleId": "E1", "message": message, "locations": [
            {"physicalLocation": {"address": {"absoluteAddress": 4096}}}]}),
        json!({"ruleId": "E1", "message": message, "analysisTarget": {"uri": "src/app.py"}}),
        json!({"ruleId": "E1", "message": message, "locations": many, "relatedLocations": many}),
    ];
    bare("places", results)
}

/// What the source suppresses is no result; what was turned down is one.
fn suppressed() -> Case {
    let with = |suppressions: Value| {
        let mut result = result("src/app.py", json!({"startLine": 1}));
        result["suppressions"] = suppressions;
        result
    };
    let results = json!([
        with(json!([{"kind": "inSource"}])),
        with(json!([{"kind": "external", "status": "accepted", "justification": "a test"}])),
        with(json!([{"kind": "inSource", "status": "rejected"}])),
        with(json!([{"kind": "inSource", "status": "underReview"}])),
        with(json!([])),
        with(json!(null)),
    ]);
    case("suppressed", &log(json!(null), results), 4)
}

/// The text of files within the log, and bases of URIs that lead anywhere.
fn embedded() -> Case {
    let mut log = log(
        json!(null),
        json!([
            {"ruleId": "E1", "message": {"text": "by index"}, "locations": [
                {"physicalLocation": {"artifactLocation": {"index": 1}, "region": {"startLine": 1,
                    "snippet": {"text": "AKIAIOSFODNN7EXAMPLE"}}, "contextRegion": {"startLine": 1}}}]},
            {"ruleId": "E1", "message": {"text": "by base"}, "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "app.py", "uriBaseId": "SRC"},
                    "region": {"startLine": 1}}}]},
            {"ruleId": "E1", "message": {"text": "by itself"}, "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "x", "uriBaseId": "LOOP"},
                    "region": {"startLine": 1}}}]},
        ]),
    );
    log["runs"][0]["artifacts"] = json!([
        {"location": {"uri": "Dockerfile"}, "contents": {"text": "FROM scratch", "binary": "RlJPTQ=="}},
        {"location": {"uri": "app.py", "uriBaseId": "SRC"}, "contents": {"text": "x\n".repeat(100_000)},
            "hashes": {"sha-256": "00"}, "length": 200_000, "roles": ["resultFile"]},
    ]);
    log["runs"][0]["originalUriBaseIds"] = json!({
        "ROOT": {"uri": "file:///github/workspace/"},
        "SRC": {"uri": "src/", "uriBaseId": "ROOT"},
        "LOOP": {"uri": "loop/", "uriBaseId": "LOOP"},
    });
    case("embedded", &log, 3)
}

/// Two tools in three runs, one of which claims another's category.
fn several_runs() -> Case {
    let some = |count: usize| -> Value {
        (1..=count)
            .map(|line| result("src/app.py", json!({"startLine": line})))
            .collect()
    };
    let mut claims = run("First", json!([]), some(2));
    claims["automationDetails"] = json!({"id": "slipway/trivy-fs/", "guid": "not one"});
    let log = json!({"version": "2.1.0", "runs": [
        claims, run("Second", json!([]), some(3)), run("First", json!([]), some(4)),
    ]});
    Case {
        files: 2,
        ..case("several-runs", &log, 9)
    }
}

/// Rules with texts too long, too many tags, none at all, and severities out of range.
fn rules() -> Case {
    let long = json!({"text": "word ".repeat(10_000), "markdown": "**word** ".repeat(10_000)});
    let empty = json!({"text": "", "markdown": " "});
    let tags: Vec<String> = (0..40).map(|number| format!("tag-{number}")).collect();
    let scored =
        |id: &str, score: Value| json!({"id": id, "properties": {"security-severity": score}});
    let rules = json!([
        {"id": "long", "name": "N".repeat(400), "shortDescription": long, "fullDescription": long, "help": long,
            "helpUri": "not a uri", "properties": {"tags": tags}},
        {"id": "empty", "name": "", "shortDescription": empty, "fullDescription": empty, "help": empty,
            "helpUri": "", "properties": {"tags": ["", "security", "security", null]}},
        {"id": "same", "name": "same", "shortDescription": {"text": "same"}, "fullDescription": {"text": "same"}},
        scored("above", json!("11.0")), scored("below", json!(-1)), scored("nan", json!("NaN")),
        scored("word", json!("high")), scored("zero", json!("0.0")), scored("nine", json!(9.0)),
    ]);
    let results = rules.as_array().unwrap().iter().map(|rule| {
        let mut result = result("src/app.py", json!({"startLine": 1}));
        result["ruleId"] = rule["id"].clone();
        result["level"] = json!("none");
        result["message"] = json!({"text": "long ".repeat(20_000)});
        result
    });
    let results: Value = results.collect();
    case("rules", &log(rules, results), 9)
}

/// Rules by index, by name, by nothing.
fn rule_references() -> Case {
    let with = |rule: Value| {
        let mut result = result("src/app.py", json!({"startLine": 1}));
        let fields = result.as_object_mut().unwrap();
        fields.remove("ruleId");
        fields.extend(rule.as_object().unwrap().clone());
        result
    };
    let results = json!([
        with(json!({"ruleIndex": 0})),
        with(json!({"ruleIndex": 1})),
        with(json!({"ruleIndex": 99})),
        with(json!({"ruleIndex": -1})),
        with(json!({"ruleIndex": 1_000_000_000_000_u64})),
        with(json!({"ruleIndex": "0"})),
        with(json!({"ruleId": "E1/sub", "ruleIndex": 99})),
        with(json!({"ruleId": ""})),
        with(json!({"ruleId": 7})),
        with(json!({"rule": {"index": 99, "toolComponent": {"index": 99}}})),
        with(json!({})),
    ]);
    case(
        "rule-references",
        &log(json!([{"id": "E1"}, null]), results),
        11,
    )
}

/// More steps than GitHub takes, and flows without any.
fn flows() -> Case {
    let step = |line: usize| {
        json!({"location": {"physicalLocation": {"artifactLocation": {"uri": "src/app.py"},
            "region": {"startLine": line}}, "message": {"text": "then"}},
            "importance": "essential", "nestingLevel": -1, "executionOrder": 1})
    };
    let steps = |count: usize| -> Vec<Value> { (1..=count).map(step).collect() };
    let mut results: Vec<Value> = [
        json!([{"threadFlows": [{"locations": steps(900)}, {"locations": steps(900)}]}]),
        json!([{"threadFlows": [{"locations": steps(11_000)}]}, {"threadFlows": [{"locations": steps(2)}]}]),
        json!([{"threadFlows": [{"locations": []}]}, {"threadFlows": []}, {}]),
        json!([{"threadFlows": [{"locations": [{}, {"location": {}}, null]}]}]),
        json!(7),
    ]
    .into_iter()
    .map(|flows| {
        let mut result = result("src/app.py", json!({"startLine": 1}));
        result["codeFlows"] = flows;
        result
    })
    .collect();
    results[0]["graphs"] = json!([{"nodes": []}]);
    results[0]["fixes"] = json!([{"artifactChanges": []}]);
    results[0]["stacks"] = json!([{"frames": []}]);
    bare("flows", results)
}

/// A tool that says that it failed.
fn incomplete() -> Case {
    let mut log = log(
        json!(null),
        json!([result("src/app.py", json!({"startLine": 1}))]),
    );
    log["runs"][0]["invocations"] = json!([{
        "executionSuccessful": false, "exitCode": 2, "exitCodeDescription": "",
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": ""}},
            {"level": "error", "message": {"text": "\u{0}could not parse"}}],
    }]);
    Case {
        code: 5,
        ..case("incomplete", &log, 1)
    }
}

/// Everything where something else belongs.
fn wrong_shapes() -> Case {
    let odd = [
        json!(null),
        json!(true),
        json!(-1.5),
        json!("text"),
        json!([[]]),
        json!({"": {}}),
    ];
    let fields = [
        "ruleId",
        "ruleIndex",
        "rule",
        "level",
        "kind",
        "message",
        "locations",
        "relatedLocations",
        "codeFlows",
        "partialFingerprints",
        "fingerprints",
        "suppressions",
        "baselineState",
        "properties",
        "analysisTarget",
        "rank",
        "webRequest",
        "taxa",
    ];
    let mut results = Vec::new();
    for field in fields {
        for value in &odd {
            let mut result = result("src/app.py", json!({"startLine": 1}));
            result[field] = value.clone();
            results.push(result);
        }
    }
    // A `kind` in words that are not the standard's says nothing of a problem.
    let read = results.len() - 3;
    case("wrong-shapes", &log(json!({}), results.into()), read)
}

/// JSON that names a key twice: readers differ in which one counts, so it is refused.
fn doubled_keys() -> Case {
    let mut case = bare("doubled-keys", Vec::new());
    case.logs = vec![
        br#"{"version": "1.0.0", "version": "2.1.0", "runs": [], "runs": [{
            "tool": {"driver": {"name": "No", "name": "Twice", "version": "1", "informationUri": "https://example.com"}},
            "results": [], "results": [{"ruleId": "a", "ruleId": "b", "message": {"text": "1", "text": "2"}}]}]}"#
            .to_vec(),
    ];
    case.code = 5;
    case
}
