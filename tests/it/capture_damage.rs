//! Damaged captures of every format that is one file: nothing panics, and what stands before the damage is kept.

use proptest::prelude::*;
use trace_diff::capture::export::{render_har, render_raw_exchange};
use trace_diff::capture::{Capture, CaptureWriter, read_capture_bytes};

use crate::capture::read;

/// A few exchanges, by format: our own, raw exchanges, HAR, a request body, an exchange of pycodex.
fn samples() -> Vec<Vec<u8>> {
    let exchange = |n: usize| {
        format!(
            r#"{{"format":"raw-exchange/1","seq":{n},"method":"POST","path":"/{n}","request":{{"headers":[["a","ü{n}"]],"body_kind":"json-compact","body":{{"model":"m","input":[{{"type":"message","n":{n}}}]}}}},"response":{{"status":200,"headers":[["content-type","text/event-stream"]],"events":[{{"at_ms":1,"event":"x","data":{{"type":"x"}}}}],"ended":"complete"}}}}"#
        )
    };
    let capture = read([exchange(1), exchange(2), exchange(3)].join("\n")).unwrap();
    let mut raw = Vec::new();
    render_raw_exchange(&capture, &mut raw).unwrap();
    let mut har = Vec::new();
    render_har(&capture, &mut har).unwrap();
    let mut writer = CaptureWriter::new(Vec::new(), "test", None).unwrap();
    writer.capture(&capture).unwrap();
    let body = r#"{"model":"m","input":[{"type":"message"},{"type":"reasoning"}]}"#;
    let pycodex = format!(
        r#"{{"method":"POST","path":"/","headers":{{"A":"1"}},"body":{body},"response":{{"status":200,"headers":{{}},"body":"x"}}}}"#
    );
    vec![
        writer.into_inner(),
        raw,
        har,
        body.to_owned().into_bytes(),
        pycodex.into_bytes(),
    ]
}

/// All that the exchanges of a capture hold but their places in its file: a line more or less moves them.
fn exchanges(capture: &Capture) -> Vec<String> {
    let mut exchanges = capture.exchanges.clone();
    exchanges.iter_mut().for_each(|one| one.place = None);
    exchanges.iter().map(|e| format!("{e:?}")).collect()
}

proptest! {
    #[test]
    fn damage_never_panics(
        sample in 0usize..5,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..4, any::<u8>()), 1..6),
    ) {
        let mut bytes = samples().swap_remove(sample);
        for (place, how, value) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at + 1),
            }
        }
        // Either outcome will do, as long as an error says something.
        if let Err(error) = read_capture_bytes("x", bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn raw_exchanges_before_the_damage_are_kept(place in any::<prop::sample::Index>(), value in any::<u8>()) {
        let raw = samples().swap_remove(1);
        let whole = exchanges(&read(raw.clone()).unwrap());
        let at = place.index(raw.len());
        let before = raw[..at].iter().filter(|&&b| b == b'\n').count();
        let mut damaged = raw.clone();
        damaged[at] = value;
        if before > 0 {
            let got = exchanges(&read(damaged).unwrap());
            prop_assert!(got.len() >= before);
            prop_assert_eq!(&got[..before], &whole[..before]);
            let cut = exchanges(&read(&raw[..at]).unwrap());
            prop_assert_eq!(&cut[..before], &whole[..before]);
        }
    }

    #[test]
    fn own_records_before_the_damage_are_kept(place in any::<prop::sample::Index>()) {
        let own = samples().swap_remove(0);
        let whole = read(own.clone()).unwrap();
        let at = place.index(own.len());
        let mut damaged = own.clone();
        damaged[at] = b'\x01';
        // One record is lost; the exchange that it belongs to stays unless it was the request.
        let got = read(damaged).unwrap();
        prop_assert!(got.exchanges.len() + 1 >= whole.exchanges.len());
        let same = exchanges(&got).iter().filter(|e| exchanges(&whole).contains(e)).count();
        prop_assert!(same + 1 >= whole.exchanges.len());
        prop_assert!(!got.problems.is_empty() || own[at] == b'\n');
    }
}
