use proptest::prelude::*;

use super::*;

fn built(text: &str) -> Option<String> {
    Index::parse(text).map(|index| index.build())
}

#[test]
fn statements_come_out_in_the_normal_form() {
    let cases = [
        ("create index i on t (a)", "CREATE INDEX `i` ON `t` (`a`)"),
        (
            "CREATE  UNIQUE  INDEX\nIF  NOT EXISTS main.i1 ON zzz(a)",
            "CREATE UNIQUE INDEX IF NOT EXISTS `main`.`i1` ON `zzz` (`a`)",
        ),
        ("create index `main`.`i1` on \"zzz\"(a)", "CREATE INDEX `main`.`i1` ON `zzz` (`a`)"),
        (
            "create index i on t (a COLLATE nocase desc, lower(b, ','))",
            "CREATE INDEX `i` ON `t` (\n  `a` COLLATE nocase DESC,\n  lower(b, ',')\n)",
        ),
        ("create index i on [t] ('a' asc)", "CREATE INDEX `i` ON `t` (`a` ASC)"),
        ("create index i on t (a || b)", "CREATE INDEX `i` ON `t` (a || b)"),
        ("create index i on t (a,)", "CREATE INDEX `i` ON `t` (`a`)"),
        ("xx create index i on t (a)", "CREATE INDEX `i` ON `t` (`a`)"),
        ("create index i on t (a) ;", "CREATE INDEX `i` ON `t` (`a`)"),
        ("create index i on t (a) WHERE", "CREATE INDEX `i` ON `t` (`a`)"),
        ("create index i on t (a) where a != '' ;", "CREATE INDEX `i` ON `t` (`a`) WHERE a != ''"),
        ("create index i on t (a) where a in (1, ';')", "CREATE INDEX `i` ON `t` (`a`) WHERE a in (1, ';')"),
    ];
    for (text, normal) in cases {
        assert_eq!(built(text).as_deref(), Some(normal), "{text}");
    }
}

#[test]
fn other_texts_are_no_index() {
    let cases = [
        "",
        "create index",
        "create index on t (a)",
        "create unique i on t (a)",
        "create index i on t",
        "create index i on t ()",
        "create index i on t (a",
        "create index \"i 1\" on t (a)",
        "create index i if not exists on t (a)",
        "create table t (a)",
        "create index i on t (a) garbage",
        "create index i on t (a); drop table x",
        "create index i on t (a) where a > 'x'; drop table x",
        "create index i on t (a) where a > 1 /* ' */; drop table x /* ' */",
        "create index i on t (a; b)",
    ];
    for text in cases {
        assert_eq!(built(text), None, "{text}");
    }
}

#[test]
fn what_follows_a_stored_statement_is_ignored() {
    for (text, normal) in [
        ("create index i on t (a); drop table x", "CREATE INDEX `i` ON `t` (`a`)"),
        ("create index i on t (a) garbage", "CREATE INDEX `i` ON `t` (`a`)"),
        ("create index i on t (a) where a > ';' ; x", "CREATE INDEX `i` ON `t` (`a`) WHERE a > ';'"),
    ] {
        assert_eq!(Index::parse_stored(text).map(|index| index.build()).as_deref(), Some(normal), "{text}");
    }
}

#[test]
fn definitions_are_compared_without_names() {
    let parse = |text: &str| Index::parse(text).expect("an index");
    let a = parse("create unique index i on t (email collate nocase) where email != ''");
    assert!(a.has_definition_of(&parse("create unique index j on u (`email` COLLATE nocase) where email != ''")));
    assert!(!a.has_definition_of(&parse("create unique index j on u (email)")));
    assert!(a.has_columns_of(&parse("create index j on u (EMAIL)")));
    assert!(a.is_unique_on("Email"));
    assert!(!parse("create index i on t (email)").is_unique_on("email"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*") {
        let _ = Index::parse(&text);
    }

    #[test]
    fn the_normal_form_is_read_as_what_it_was_made_of(
        unique in any::<bool>(),
        names in proptest::collection::vec("[a-z_]{1,8}|lower\\([a-z]{1,3}\\)", 1..4),
        sort in "ASC|DESC|",
        condition in "|a > 1|b != 'x;y'",
    ) {
        let columns = names.iter().map(|name| IndexColumn {
            name: name.clone(), collate: "nocase".to_owned(), sort: sort.clone(),
        }).collect();
        let index = Index {
            unique, if_not_exists: false, schema: String::new(), name: "i".to_owned(), table: "t".to_owned(),
            columns, condition,
        };
        prop_assert_eq!(Index::parse(&index.build()), Some(index));
    }
}
