//! The simulated network keeps the contract that the core relies on, in good weather and in bad.

use alloquy_core::{Input, Output};
use alloquy_ids::NetworkKey;
use alloquy_sim::address;
use alloquy_sim::contract::{self, Carrier};
use alloquy_sim::net::{Net, Weather};

struct Simulated {
    net: Net,
    now: u64,
}

impl Simulated {
    fn new(seed: u64, weather: Weather) -> Self {
        let mut net = Net::new(seed);
        net.weather = weather;
        for number in 0..3 {
            let seat = net.add(NetworkKey([number + 1; 32]));
            net.boot(seat);
        }
        Self { net, now: 0 }
    }
}

impl Carrier for Simulated {
    fn key(&self, seat: usize) -> NetworkKey {
        self.net.key(seat)
    }
    fn addresses(&self, seat: usize) -> Vec<String> {
        vec![address::of_seat(seat)]
    }
    fn put(&mut self, seat: usize, output: Output) {
        self.net.put(self.now, seat, output);
    }
    fn take(&mut self, wait_ms: u64) -> Option<(usize, Input)> {
        let until = self.now + wait_ms;
        let arrival = self.net.take(until);
        self.now = if arrival.is_some() {
            self.net.now()
        } else {
            until
        };
        arrival
    }
    fn cut(&mut self, a: usize, b: usize) {
        self.net.disconnect(a, b);
    }
}

#[test]
fn the_simulated_network_keeps_its_promises() {
    let stormy = Weather {
        loss: 150,
        duplicate: 100,
        reorder: 200,
        delay_ms: (1, 300),
    };
    for seed in 0..20 {
        assert_eq!(
            contract::check(&mut Simulated::new(seed, Weather::CALM)),
            Ok(()),
            "calm, seed {seed}"
        );
        assert_eq!(
            contract::check(&mut Simulated::new(seed, stormy)),
            Ok(()),
            "stormy, seed {seed}"
        );
    }
}

#[test]
fn a_network_that_breaks_a_promise_is_caught() {
    let deaf = Weather {
        loss: 1000,
        ..Weather::CALM
    };
    let error = contract::check(&mut Simulated::new(1, deaf)).unwrap_err();
    assert!(error.starts_with("promise 2"), "{error}");
    let mut parted = Simulated::new(1, Weather::CALM);
    parted.net.partition(&[0, 1, 1]);
    let error = contract::check(&mut parted).unwrap_err();
    assert!(error.starts_with("promise 1"), "{error}");
}

#[test]
fn a_partition_stops_all_traffic_and_healing_brings_it_back() {
    let mut line = Simulated::new(5, Weather::CALM);
    let (a, b) = (line.key(0), line.key(1));
    line.put(0, Output::Keep(b, line.addresses(1)));
    while line.take(1_000).is_some() {}
    assert!(line.net.is_connected(0, 1));

    line.net.partition(&[0, 1, 0]);
    for _ in 0..100 {
        line.put(0, Output::Send(b, vec![1].into()));
        line.put(1, Output::Send(a, vec![2].into()));
    }
    let mut downs = 0;
    let quiet_until = line.now + 20_000;
    while line.now < quiet_until {
        match line.take(500) {
            Some((_, Input::PeerDown(_))) => downs += 1,
            Some((seat, input)) => panic!("node {seat} was given {input:?} across a partition"),
            None => {}
        }
    }
    assert_eq!(downs, 2);
    assert!(line.net.counts.cut >= 200, "{:?}", line.net.counts);

    line.net.heal();
    let mut ups = 0;
    let until = line.now + 20_000;
    while line.now < until {
        ups += u32::from(matches!(line.take(500), Some((_, Input::PeerUp(_)))));
    }
    assert_eq!(ups, 2);
}
