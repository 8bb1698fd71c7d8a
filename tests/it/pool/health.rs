//! Targets that fail and recover.

use super::*;

#[test]
fn a_dead_target_gets_probes_only_and_its_traffic_back_little_by_little() {
    let mut pool = Pool::new("{ strategy: weighted, targets: [a/m, b/m] }", 5);
    pool.serve("a/m", |_, _| 0.5, 0.1);
    pool.serve("b/m", |_, _| 0.5, 0.1);
    pool.kill("a/m", 100.0..130.0);
    let log = pool.run(40.0, 300.0);
    let before = share(&log, "a/m", 50.0..100.0);
    let during = share(&log, "a/m", 105.0..130.0);
    let back = seconds_until(&log, "a/m", 130.0..220.0, |share| share > 25.0);
    let after = share(&log, "a/m", 220.0..300.0);
    println!(
        "outage: before {before:.1} %, during {during:.1} %, back after {back:.0} s, after {after:.1} %"
    );
    assert!((46.0..=54.0).contains(&before), "{before}");
    assert!(during < 1.0, "{during}");
    assert!(back <= 30.0, "{back}");
    assert!((46.0..=54.0).contains(&after), "{after}");
}

#[test]
fn a_recovered_target_starts_slowly() {
    let mut pool = Pool::new("{ strategy: weighted, targets: [a/m, b/m] }", 7);
    pool.serve("a/m", |_, _| 0.1, 0.1);
    pool.serve("b/m", |_, _| 0.1, 0.1);
    pool.kill("a/m", 100.0..110.0);
    let log = pool.run(200.0, 140.0);
    // From the first answer after the outage on.
    let there = |served: &&Served| served.target == "a/m" && served.arrived >= 110.0;
    let begin = log.iter().find(there).unwrap().arrived;
    let step = |at: u32| begin + 4.0 * f64::from(at);
    let shares: Vec<f64> = (0..5)
        .map(|at| share(&log, "a/m", step(at)..step(at + 1)))
        .collect();
    println!("slow start: by four seconds {shares:.1?} %");
    assert!(shares[0] < 30.0, "{shares:?}");
    assert!(
        shares.is_sorted_by(|one, next| one < &(next + 3.0)),
        "{shares:?}"
    );
    assert!(shares[4] > 45.0, "{shares:?}");
}

/// Where each conversation is asked in this time: one target, or several.
fn homes(log: &Log, conversations: u64, time: Range<f64>) -> Vec<Vec<&str>> {
    let home = |conversation| {
        let there = log.iter().filter(|served| time.contains(&served.arrived));
        let own = there.filter(|served| served.conversation == conversation);
        let mut targets: Vec<&str> = own.map(|served| &*served.target).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    };
    (1..=conversations).map(home).collect()
}

#[test]
fn conversations_stay_but_for_those_of_a_dead_target_which_return() {
    const CONVERSATIONS: u64 = 60;
    let mut pool = Pool::new("{ strategy: sticky, targets: [a/m, b/m, c/m] }", 6);
    for target in ["a/m", "b/m", "c/m"] {
        pool.serve(target, |_, _| 0.5, 0.1);
    }
    pool.converse(CONVERSATIONS);
    pool.kill("a/m", 100.0..130.0);
    let log = pool.run(30.0, 400.0);
    let homes = |time| homes(&log, CONVERSATIONS, time);
    let (before, always, after) = (homes(0.0..100.0), homes(0.0..400.0), homes(200.0..400.0));
    let moved = before.iter().filter(|home| **home == ["a/m"]).count();
    println!("sticky: {moved} of {CONVERSATIONS} conversations move and return");
    // Each has one home, and the same again in the end.
    assert!(before.iter().all(|home| home.len() == 1));
    assert_eq!(before, after);
    // Those of others never leave it; no target has them all.
    for (home, always) in before.iter().zip(&always) {
        assert_eq!(home == always, *home != ["a/m"]);
    }
    assert!((10..=30).contains(&moved), "{moved}");
    // While it is dead only probes go there, and the others take its conversations in.
    let dead = share(&log, "a/m", 105.0..130.0);
    assert!(dead < 2.0, "{dead}");
}
