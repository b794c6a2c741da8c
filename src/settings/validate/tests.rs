use serde_json::{Value as Json, json};

use super::*;

/// The errors of the default document after this change, as `path: code`.
fn errors_of(change: Json) -> Vec<String> {
    let settings = Settings::default().merged(change).unwrap();
    let mut paths = Vec::new();
    collect(&settings.validate(), "", &mut paths);
    paths
}

fn collect(errors: &FieldErrors, path: &str, paths: &mut Vec<String>) {
    for (key, error) in errors.iter() {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match error {
            FieldError::Code { code, .. } => paths.push(format!("{path}: {code}")),
            FieldError::Tree(tree) => collect(tree, &path, paths),
            FieldError::Response { .. } => unreachable!("only batches have responses"),
        }
    }
}

#[test]
fn the_default_document_is_valid() {
    assert_eq!(errors_of(json!({})), [""; 0]);
}

#[test]
fn every_field_is_checked() {
    let long = "a".repeat(256);
    let cases = [
        (
            json!({"superuserIPs": ["127.0.0.1", "", "x"]}),
            &["superuserIPs.1: validation_required", "superuserIPs.2: validation_invlaid_ip_or_subnet"][..],
        ),
        (
            json!({"smtp": {"enabled": true, "host": "", "port": 0}}),
            &["smtp.host: validation_required", "smtp.port: validation_required"],
        ),
        (
            json!({"smtp": {"host": "a b", "port": -1, "authMethod": "CRAM", "localName": "a:b"}}),
            &[
                "smtp.host: validation_is_host",
                "smtp.port: validation_min_greater_equal_than_required",
                "smtp.authMethod: validation_in_invalid",
                "smtp.localName: validation_is_host",
            ],
        ),
        (json!({"smtp": {"host": "", "port": 0, "authMethod": "LOGIN"}}), &[]),
        (
            json!({"s3": {"enabled": true}}),
            &[
                "s3.endpoint: validation_required",
                "s3.bucket: validation_required",
                "s3.region: validation_required",
                "s3.accessKey: validation_required",
                "s3.secret: validation_required",
            ],
        ),
        (json!({"backups": {"s3": {"endpoint": "ftp://"}}}), &["backups.s3.endpoint: validation_is_url"]),
        (json!({"backups": {"cronMaxKeep": 0}}), &[]),
        (json!({"backups": {"cronMaxKeep": -1}}), &["backups.cronMaxKeep: validation_min_greater_equal_than_required"]),
        (json!({"backups": {"cron": "* * * * *", "cronMaxKeep": 0}}), &["backups.cronMaxKeep: validation_required"]),
        (
            json!({"batch": {"enabled": true, "maxRequests": 0, "timeout": 0, "maxBodySize": -1}}),
            &[
                "batch.maxRequests: validation_required",
                "batch.timeout: validation_required",
                "batch.maxBodySize: validation_min_greater_equal_than_required",
            ],
        ),
        (
            json!({"batch": {"maxRequests": 0, "timeout": -2}}),
            &["batch.timeout: validation_min_greater_equal_than_required"],
        ),
        (
            json!({"meta": {"accentColor": "#fff", "appName": "", "appURL": "", "senderName": "", "senderAddress": ""}}),
            &[
                "meta.accentColor: validation_length_invalid",
                "meta.appName: validation_required",
                "meta.appURL: validation_required",
                "meta.senderName: validation_required",
                "meta.senderAddress: validation_required",
            ],
        ),
        (
            json!({"meta": {"accentColor": "#fffffg", "appName": long, "appURL": "a b", "senderName": long,
            "senderAddress": "a@b"}}),
            &[
                "meta.accentColor: validation_is_hex_color",
                "meta.appName: validation_length_out_of_range",
                "meta.appURL: validation_is_url",
                "meta.senderName: validation_length_out_of_range",
                "meta.senderAddress: validation_is_email",
            ],
        ),
        (json!({"meta": {"accentColor": "", "appURL": "example.com"}}), &[]),
        (
            json!({"logs": {"maxDays": -1, "maxDataSize": -1, "minLevel": -100}}),
            &[
                "logs.maxDays: validation_min_greater_equal_than_required",
                "logs.maxDataSize: validation_min_greater_equal_than_required",
            ],
        ),
        (json!({"rateLimits": {"enabled": true, "rules": []}}), &["rateLimits.rules: validation_required"]),
        (json!({"rateLimits": {"rules": []}}), &[]),
        (
            json!({"rateLimits": {"rules": [null, {"label": "*", "maxRequests": -1, "duration": 1, "audience": "x"}],
            "excludedIPs": ["10.0.0.0/8", "x"]}}),
            &[
                "rateLimits.rules.0.label: validation_required",
                "rateLimits.rules.0.maxRequests: validation_required",
                "rateLimits.rules.0.duration: validation_required",
                "rateLimits.rules.1.label: validation_match_invalid",
                "rateLimits.rules.1.maxRequests: validation_min_greater_equal_than_required",
                "rateLimits.rules.1.audience: validation_in_invalid",
                "rateLimits.excludedIPs.1: validation_invlaid_ip_or_subnet",
            ],
        ),
        (
            json!({"monobase": {"changes": {"maxHours": 0, "maxRows": -1}}}),
            &[
                "monobase.changes.maxHours: validation_required",
                "monobase.changes.maxRows: validation_min_greater_equal_than_required",
            ],
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(errors_of(change.clone()), expected, "{change}");
    }
}

#[test]
fn labels_of_rate_limits() {
    for good in ["GET /api/x", "/api/", "/", "users:create", "*:create", "tag", "POST /a-b/c_d"] {
        assert!(LABEL.is_match(good), "{good}");
    }
    for bad in ["*", "a:b:c", "/api/x.y", "/api/{id}", "POST  /x", "", "é", "a b", "/a\n", " /a", "*:"] {
        assert!(!LABEL.is_match(bad), "{bad}");
    }
}

#[test]
fn rules_that_begin_with_one_another_conflict() {
    let rules = |rules: &[(&str, &str)]| {
        let rules: Vec<Json> = rules
            .iter()
            .map(|(label, audience)| json!({"label": label, "audience": audience, "duration": 1, "maxRequests": 1}))
            .collect();
        errors_of(json!({"rateLimits": {"rules": rules}}))
    };
    let conflict = "rateLimits.rules.1.label: validation_conflicting_rate_limit_rule";
    assert_eq!(rules(&[("/a", ""), ("/a", "@guest")]), [conflict]);
    assert_eq!(rules(&[("/a", "@guest"), ("/a", "")]), [conflict]);
    assert_eq!(rules(&[("/a", "@guest"), ("/a", "@guest")]), [conflict]);
    assert_eq!(rules(&[("/a", "@guest"), ("/a", "@auth")]), [""; 0]);
    assert_eq!(rules(&[("/a", ""), ("/a/", "")]), [""; 0]);
}

#[test]
fn a_conflict_names_its_label() {
    let rule = json!({"label": "/a", "duration": 1, "maxRequests": 1});
    let settings = Settings::default().merged(json!({"rateLimits": {"rules": [rule, rule]}})).unwrap();
    let shown = format!("{:?}", settings.validate());
    assert!(shown.contains("configuration with label /a already exists"), "{shown}");
}

#[test]
fn lists_are_bounded() {
    let addresses = vec!["127.0.0.1"; LIST_ITEMS_MAX + 1];
    assert_eq!(
        errors_of(json!({"trustedProxy": {"headers": addresses}})),
        ["trustedProxy.headers: validation_length_too_long"]
    );
}
