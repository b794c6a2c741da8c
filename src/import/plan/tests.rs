use super::*;
use crate::import::read::ReadOptions;

fn survey(name: &str, content: &str) -> Survey {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    Survey::take(&path, &ReadOptions::default(), |_| ()).unwrap()
}

fn planned(name: &str, content: &str, request: &PlanRequest) -> Result<(Plan, Json), PlanError> {
    let plan = Plan::make(&Schema::new(Vec::new()), &survey(name, content), request)?;
    let body = match &plan.target {
        Target::New { body, .. } => Json::Object(body.clone()),
        Target::Existing(_) => panic!("nothing stands"),
    };
    Ok((plan, body))
}

#[test]
fn a_new_collection_gets_a_field_for_each_column() {
    let content = "id,Full name,Größe,size,SIZE,expand,born,code\n\
                   abcdefghijklmno,A,1,2,x,y,2024-01-02,01\nabcdefghijklmnp,B,,3,y,z,,02\n";
    let (plan, body) = planned("My file (1).csv", content, &PlanRequest::default()).unwrap();
    let shown: Vec<(&str, Option<&str>, &str, &str)> = plan
        .columns
        .iter()
        .map(|c| (c.column.as_str(), c.field.as_deref(), c.kind.as_str(), c.note.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("id", Some("id"), "id", ""),
            ("Full name", Some("Full_name"), "text", ""),
            ("Größe", Some("Gr_e"), "number", "1 empty become 0"),
            ("size", Some("size"), "number", ""),
            ("SIZE", Some("SIZE_2"), "text", ""),
            ("expand", Some("expand_6"), "text", ""),
            ("born", Some("born"), "date", "1 empty"),
            ("code", Some("code"), "text", "no number: \"01\" in line 2 has a leading zero"),
        ]
    );
    assert_eq!(body["name"], "My_file_1");
    assert_eq!(body["fields"].as_array().unwrap().len(), 7);
}

#[test]
fn columns_are_renamed_left_out_and_keyed() {
    let request = PlanRequest {
        map: vec![("a".into(), "name".into()), ("b".into(), String::new())],
        key: Some("name".into()),
        kinds: vec![("c".into(), ColumnKind::Text)],
        ..PlanRequest::default()
    };
    let (plan, body) = planned("x.csv", "a,b,c\nq,2,3\n", &request).unwrap();
    assert_eq!(plan.columns.iter().map(|c| c.field.as_deref()).collect::<Vec<_>>(), [Some("name"), None, Some("c")]);
    assert_eq!(
        body,
        json!({
            "name": "x", "type": "base",
            "fields": [{"name": "name", "type": "text"}, {"name": "c", "type": "text"}],
            "indexes": ["CREATE UNIQUE INDEX `idx_x_name` ON `x` (`name`)"],
        })
    );
}

#[test]
fn what_cannot_be_is_refused_with_the_way_out() {
    let map = |pairs: &[(&str, &str)]| PlanRequest {
        map: pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
        ..PlanRequest::default()
    };
    for (request, text) in [
        (map(&[("z", "y")]), "the file has no column \"z\""),
        (map(&[("a", "x"), ("b", "x")]), "the columns \"a\" and \"b\" fill the same field \"x\""),
        (map(&[("a", "not a name")]), "\"not a name\" can't be the name of a field"),
        (map(&[("a", ""), ("b", "")]), "the file has no columns that could be imported"),
        (PlanRequest { key: Some("z".into()), ..PlanRequest::default() }, "no column fills the key \"z\""),
        (
            PlanRequest { collection: CollectionOf::Existing("nosuch".into()), ..PlanRequest::default() },
            "there is no collection \"nosuch\"",
        ),
    ] {
        assert_eq!(planned("x.csv", "a,b\nq,2\n", &request).unwrap_err().to_string(), text);
    }
}
