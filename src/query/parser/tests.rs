use proptest::prelude::*;

use super::*;

/// The tree of a text as it is written back.
fn canonical(text: &str) -> String {
    parse(text).expect("valid").to_string()
}

fn cause(text: &str) -> String {
    parse(text).expect_err("invalid").to_string()
}

#[test]
fn and_binds_tighter_than_or() {
    assert_eq!(canonical("a=1||b=2&&c=3||(d=4||e=5)&&f=6"), "a = 1 || (b = 2 && c = 3) || ((d = 4 || e = 5) && f = 6)");
}

#[test]
fn a_group_stands_anywhere_and_takes_the_last_join() {
    for (text, tree) in [
        ("a='x' (b=1)", "a = 'x' && b = 1"),
        ("a='x' || b=1 (c=2)", "a = 'x' || b = 1 || c = 2"),
        ("a = (b=1)", "b = 1"),
        ("a (b=1)", "b = 1"),
        ("a='z' || (b=10) (b=1)", "a = 'z' || b = 10 || b = 1"),
        ("a=1 && (b=2 || c=3)", "a = 1 && (b = 2 || c = 3)"),
    ] {
        assert_eq!(canonical(text), tree, "{text}");
    }
}

#[test]
fn tokens_are_read_as_the_grammar_says() {
    for (text, tree) in [
        ("views=-5", "views = -5"),
        ("views = 007", "views = 7"),
        ("a ?!~ b", "a ?!~ b"),
        ("a='x'//c", "a = 'x'"),
        ("// leading )'\n a\t=\n\"it's \\\"q\\\"\"", "a = 'it\\'s \"q\"'"),
        (r"a='\%\n\\'", "a = '\\\\%\n\\\\'"),
        ("f(a, 'b' , 1.50,)=1", "f(a, 'b', 1.5) = 1"),
        ("f( // c\n a)=g()", "f(a) = g()"),
        ("(a=')')", "a = ')'"),
        ("a='x'\0 and what follows", "a = 'x'"),
        ("(a=1 // ' \n && (b=1) // ' \n)", "a = 1 && b = 1"),
    ] {
        assert_eq!(canonical(text), tree, "{text}");
    }
}

#[test]
fn what_the_grammar_does_not_know_is_refused() {
    for text in [
        "",
        " ",
        "// c",
        "()",
        "a",
        "a =",
        "a = 1 &&",
        "a=1)",
        "(a=1",
        "((a=1)",
        "a=.5",
        "a=5.",
        "a=1e6",
        "a=+5",
        "a=--5",
        "a=- 5",
        "a=1-5",
        "a=1.2.3",
        "a=1_0",
        "a == 1",
        "a=1 & b=1",
        "a=1 &&& b=1",
        "a ! = 1",
        "a=`x`",
        "a='x",
        "a=1 /* c */",
        "a=1 / 2",
        "a\r=1",
        "\u{feff}a=1",
        "a. = 1",
        "a: = 1",
        "_=1",
        "@=1",
        "a=1 b=1",
        "!a=1",
        "(a=1 // )\n)",
        "(a=1 // it's\n || b=1)",
        "f(a b)=1",
        "f(,)=1",
        "f(a,,b)=1",
        "f(a=1",
        "a, b",
        "f(1-5)=1",
        "(a=1)=2",
        "a=1 || && b=1",
        "f(f(f(f())))=1",
        "a IN ('x')",
        "[a]=1",
    ] {
        assert!(parse(text).is_err(), "{text:?} was accepted");
    }
}

#[test]
fn causes_are_those_that_clients_know() {
    assert_eq!(cause("(a=1"), "invalid formatted group - missing 1 closing bracket(s)");
    assert_eq!(cause("a"), "invalid or incomplete filter expression");
    assert_eq!(cause("  "), "empty filter expression");
    assert_eq!(cause(&vec!["a=1"; 201].join("&&")), "max filter expressions limit reached");
}

#[test]
fn deep_groups_take_neither_stack_nor_quadratic_time() {
    let deep = 200_000;
    let text = format!("{}a=1{}", "(".repeat(deep), ")".repeat(deep));
    assert_eq!(canonical(&text), "a = 1");
    assert!(parse(&"(".repeat(deep)).is_err());
}

#[test]
fn comments_that_confuse_the_bracket_scan_are_bounded() {
    // Each inner group is hidden from the scans before it by a quote in a comment.
    let text = format!("{}a=1{}", "( // ' \\' \" \n".repeat(20_000), ")".repeat(20_000));
    let _ = parse(&text);
}

fn operand() -> impl Strategy<Value = Operand> {
    let leaf = prop_oneof![
        "[a-z_@#][a-z0-9_.:]{0,8}[a-z0-9]".prop_map(|name| OperandKind::Name(name.into())),
        any::<i32>().prop_map(|n| OperandKind::Number(f64::from(n) / 8.0)),
        any::<String>().prop_map(|text| OperandKind::Text(text.replace('\0', "0").into())),
    ]
    .prop_map(|kind| Operand { kind, span: Span::default() });
    leaf.prop_recursive(3, 12, 4, |inner| {
        ("[a-z]{1,6}", proptest::collection::vec(inner, 0..4)).prop_map(|(name, arguments)| Operand {
            kind: OperandKind::Call(Box::new(Call { name: name.into(), arguments })),
            span: Span::default(),
        })
    })
}

fn expression() -> impl Strategy<Value = Expr> {
    let ops = [Op::Eq, Op::NotEq, Op::Greater, Op::GreaterEq, Op::Less, Op::LessEq, Op::Like, Op::NotLike];
    let compare = (operand(), proptest::sample::select(ops.to_vec()), any::<bool>(), operand())
        .prop_map(|(left, op, any, right)| Expr::Compare(Compare { left, op, any, right }));
    compare.prop_recursive(5, 60, 4, |inner| {
        let items = proptest::collection::vec(inner, 2..4);
        prop_oneof![items.clone().prop_map(Expr::And), items.prop_map(Expr::Or)]
    })
}

proptest! {
    #[test]
    fn a_written_tree_reads_back_the_same(tree in expression()) {
        prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_text_of_the_alphabet_makes_the_parser_panic(text in r#"[ \n()'"\\/&|=!?~<>,.:@#_a-c0-1-]{0,60}"#) {
        if let Ok(tree) = parse(&text) {
            prop_assert_eq!(parse(&tree.to_string()), Ok(tree));
        }
    }
}
