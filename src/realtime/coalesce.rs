//! What a client that was away must be told: per record one change, that to the newest state (contract/12 §9, Replay).

use std::collections::HashMap;

use crate::store::{ChangeKind, Position};

/// One row of the change log.
#[derive(Clone, Debug)]
pub struct LogEntry {
    pub position: Position,
    pub collection_id: Box<str>,
    pub record_id: Box<str>,
    pub kind: ChangeKind,
    /// The row before the change as JSON; `None` for a create.
    pub old: Option<Box<str>>,
}

/// What happened to one record in a gap, all in all.
#[derive(Clone, Debug)]
pub struct Gap {
    /// That of the last change: the order of the replay.
    pub position: Position,
    pub collection_id: Box<str>,
    pub record_id: Box<str>,
    pub net: Net,
    /// The row as it was when the gap began; `None` if it wasn't there.
    pub before: Option<Box<str>>,
    /// The row as it was last before it went; `None` if it is there.
    pub last: Option<Box<str>>,
}

/// The net effect of a gap on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// It wasn't there and is.
    Created,
    /// It was there and is.
    Updated,
    /// It was there and is gone.
    Deleted,
}

/// Folds log entries in the order of their positions; records that came and went in the gap are left out. The result is
/// in the order of the last changes.
pub fn coalesce<'e>(entries: impl IntoIterator<Item = &'e LogEntry>) -> Vec<Gap> {
    let mut records: HashMap<(&str, &str), Fold<'_>> = HashMap::new();
    for entry in entries {
        let old = entry.old.as_deref();
        let fold = records.entry((&entry.collection_id, &entry.record_id)).or_insert_with(|| Fold {
            position: entry.position,
            was_there: entry.kind != ChangeKind::Create,
            before: old,
            is_there: true,
            last: None,
        });
        fold.position = entry.position;
        fold.is_there = entry.kind != ChangeKind::Delete;
        fold.last = if fold.is_there { None } else { old };
    }
    let mut gaps: Vec<Gap> = records
        .into_iter()
        .filter_map(|((collection_id, record_id), fold)| {
            let net = match (fold.was_there, fold.is_there) {
                (false, true) => Net::Created,
                (true, true) => Net::Updated,
                (true, false) => Net::Deleted,
                (false, false) => return None,
            };
            Some(Gap {
                position: fold.position,
                collection_id: collection_id.into(),
                record_id: record_id.into(),
                net,
                before: fold.before.map(Into::into),
                last: fold.last.map(Into::into),
            })
        })
        .collect();
    gaps.sort_unstable_by_key(|gap| gap.position);
    gaps
}

struct Fold<'e> {
    position: Position,
    was_there: bool,
    before: Option<&'e str>,
    is_there: bool,
    last: Option<&'e str>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A history in which each change is possible: creates of what isn't there, updates and deletes of what is.
    fn histories() -> impl Strategy<Value = Vec<(u8, bool)>> {
        prop::collection::vec((0u8..4, any::<bool>()), 0..60)
    }

    proptest! {
        /// Whoever applies the coalesced changes to the state at any earlier moment has the state of the end.
        #[test]
        fn the_net_changes_lead_from_any_state_to_the_last(history in histories(), cut in 0usize..60) {
            let mut state: BTreeMap<u8, usize> = BTreeMap::new();
            let mut entries = Vec::new();
            let mut states = vec![state.clone()];
            for (step, (record, prefers_delete)) in history.into_iter().enumerate() {
                let (kind, old) = match state.get(&record) {
                    None => (ChangeKind::Create, None),
                    Some(old) if prefers_delete => (ChangeKind::Delete, Some(old.to_string())),
                    Some(old) => (ChangeKind::Update, Some(old.to_string())),
                };
                if kind == ChangeKind::Delete { state.remove(&record); } else { state.insert(record, step); }
                entries.push(LogEntry {
                    position: step as Position,
                    collection_id: "c".into(),
                    record_id: record.to_string().into(),
                    kind,
                    old: old.map(Into::into),
                });
                states.push(state.clone());
            }
            let cut = cut.min(entries.len());
            let mut client = states[cut].clone();
            let gaps = coalesce(&entries[cut..]);
            prop_assert!(gaps.is_sorted_by_key(|gap| gap.position));
            for gap in gaps {
                let record: u8 = gap.record_id.parse().expect("a number");
                prop_assert_eq!(client.get(&record).map(ToString::to_string), gap.before.map(String::from));
                match gap.net {
                    Net::Created => prop_assert!(client.insert(record, state[&record]).is_none()),
                    Net::Updated => prop_assert!(client.insert(record, state[&record]).is_some()),
                    Net::Deleted => prop_assert!(client.remove(&record).is_some()),
                }
            }
            prop_assert_eq!(client, state);
        }
    }
}
