//! Routers that answer in every way but the one hoped for; one that does as it is asked is miniupnpd, in the tests of
//! whole programs.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::*;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

const DESCRIPTION: &str = "<root><device><serviceList><service>\
     <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
     <SCPDURL>/actions.xml</SCPDURL><controlURL>/do</controlURL>\
     </service></serviceList></device></root>";

/// What the router answers to an action; `None`: nothing, ever.
type Answers = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

/// A router at the loopback address.
struct Fake {
    search_at: SocketAddr,
    /// The actions that it was asked for, with what came along.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Fake {
    async fn start(answers: Arc<Answers>) -> Self {
        let search = UdpSocket::bind((HERE, 0)).await.unwrap();
        let search_at = search.local_addr().unwrap();
        let http = TcpListener::bind((HERE, 0)).await.unwrap();
        let place = http.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0; 1_500];
            while let Ok((_, from)) = search.recv_from(&mut question).await {
                let answer =
                    format!("HTTP/1.1 200 OK\r\nLOCATION: http://{place}/router.xml\r\n\r\n");
                search.send_to(answer.as_bytes(), from).await.unwrap();
            }
        });
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = http.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&told)));
            }
        });
        Self { search_at, asked }
    }

    fn pace(&self) -> Pace {
        Pace {
            search_at: self.search_at,
            limit: Duration::from_secs(2),
            settle: Duration::from_millis(10),
            renew: Duration::from_millis(100),
            again: Duration::from_millis(100),
            again_max: Duration::from_secs(3_600),
        }
    }

    /// How often it was asked for an action.
    fn count(&self, action: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(name, _)| name == action).count()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
) {
    let mut read = Vec::new();
    let mut part = [0; 4_096];
    let (head, body) = loop {
        let Ok(bytes @ 1..) = stream.read(&mut part).await else {
            return;
        };
        read.extend(&part[..bytes]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default();
    let answer = match path {
        "/router.xml" => answers("description", "").or_else(|| Some(DESCRIPTION.to_owned())),
        _ => {
            let action = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let value = value.trim().trim_matches('"');
                name.eq_ignore_ascii_case("soapaction")
                    .then(|| value.rsplit('#').next().unwrap().to_owned())
            });
            let action = action.unwrap_or_default();
            asked.lock().unwrap().push((action.clone(), body.clone()));
            answers(&action, &body)
        }
    };
    let Some(answer) = answer else {
        return std::future::pending().await;
    };
    let length = answer.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
    // Whoever has read enough goes.
    stream.write_all(answer.as_bytes()).await.ok();
}

fn done(action: &str, inside: &str) -> Option<String> {
    let response = format!("{action}Response");
    Some(format!(
        "<Envelope><Body><{response}>{inside}</{response}></Body></Envelope>"
    ))
}

fn at(ip: &str) -> Option<String> {
    let ip = format!("<NewExternalIPAddress>{ip}</NewExternalIPAddress>");
    done("GetExternalIPAddress", &ip)
}

fn error(code: u16) -> Option<String> {
    Some(format!(
        "<Envelope><Body><Fault><detail><UPnPError><errorCode>{code}</errorCode>\
         <errorDescription>no</errorDescription></UPnPError></detail></Fault></Body></Envelope>"
    ))
}

fn place(transport: Transport) -> Place {
    Place {
        ip: HERE,
        port: 4_000,
        transport,
    }
}

fn both() -> BTreeSet<Place> {
    [Transport::Quic, Transport::Tcp].map(place).into()
}

/// Waits for an answer that fits.
async fn says(router: &mut Router, fits: impl Fn(&Answer) -> bool) -> Answer {
    let limit = Duration::from_secs(60);
    let wait = async {
        loop {
            let answer = router.next().await;
            if fits(&answer) {
                return answer;
            }
        }
    };
    timeout(limit, wait).await.expect("such an answer comes")
}

fn parse(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn only_addresses_inside_have_a_router_before_them() {
    let is = |text: &str| Place::of(&parse(text)).is_some();
    assert!(is("/ip4/192.168.1.7/udp/4000/quic-v1"));
    assert!(is("/ip4/10.0.0.1/tcp/4000"));
    for other in [
        "/ip4/127.0.0.1/tcp/4000",
        "/ip4/203.0.113.7/tcp/4000",
        "/ip4/169.254.3.3/tcp/4000",
        "/ip4/192.168.1.7/tcp/0",
        "/ip4/192.168.1.7/udp/4000",
        "/ip4/192.168.1.7/tcp/4000/p2p-circuit",
        "/ip6/fd00::1/tcp/4000",
        "/ip4/192.168.1.7",
    ] {
        assert!(!is(other), "{other}");
    }
}

#[test]
fn a_router_is_on_the_same_network() {
    let home = Ipv4Addr::new(192, 168, 1, 7);
    let near = |router: &str| is_near(home, router.parse().unwrap());
    assert!(near("192.168.1.1") && near("192.168.200.1"));
    for far in [
        "8.8.8.8",
        "127.0.0.1",
        "10.0.0.1",
        "169.254.1.1",
        "fd00::1",
        "0.0.0.0",
    ] {
        assert!(!near(far), "{far}");
    }
    let large = Ipv4Addr::new(10, 3, 1, 7);
    assert!(is_near(large, "10.0.0.1".parse().unwrap()));
}

#[tokio::test]
async fn who_is_behind_two_routers_is_told_and_nothing_is_opened() {
    for inside in [
        "192.168.0.7",
        "100.64.3.3",
        "fd00::7",
        "",
        "255.255.255.255",
        "198.18.0.1",
    ] {
        let answers = move |action: &str, _: &str| match action {
            "GetExternalIPAddress" => at(inside),
            "description" => None,
            other => done(other, ""),
        };
        let fake = Fake::start(Arc::new(answers)).await;
        let mut router = Router::start(fake.pace());
        router.want_places(both());
        let answer = says(&mut router, |_| true).await;
        assert_eq!(answer.mapping, Mapping::Behind, "{inside}");
        assert_eq!(answer.open, BTreeSet::new());
        assert_eq!(fake.count("AddPortMapping"), 0);
    }
}

#[tokio::test]
async fn ports_that_can_only_be_open_for_ever_are_so_until_the_end() {
    let answers = |action: &str, body: &str| match action {
        "GetExternalIPAddress" => at("8.8.4.4"),
        "AddPortMapping" if !body.contains("<NewLeaseDuration>0<") => error(725),
        "description" => None,
        other => done(other, ""),
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let mut router = Router::start(fake.pace());
    router.want_places(both());
    let answer = says(&mut router, |answer| answer.mapping == Mapping::Open).await;
    let open = ["/ip4/8.8.4.4/udp/4000/quic-v1", "/ip4/8.8.4.4/tcp/4000"];
    assert_eq!(answer.open, open.map(parse).into());
    // What is wanted no more is closed, the rest at the end.
    router.want_places([place(Transport::Tcp)].into());
    let answer = says(&mut router, |answer| answer.open.len() == 1).await;
    assert_eq!(answer.open, [parse(open[1])].into());
    assert_eq!(fake.count("DeletePortMapping"), 1);
    router.close().await.unwrap();
    assert_eq!(fake.count("DeletePortMapping"), 2);
}

#[tokio::test]
async fn another_address_outside_replaces_the_first() {
    let first = Arc::new(Mutex::new(true));
    let still = Arc::clone(&first);
    let answers = move |action: &str, _: &str| match action {
        "GetExternalIPAddress" if *still.lock().unwrap() => at("8.8.4.4"),
        "GetExternalIPAddress" => at("9.9.9.9"),
        "description" => None,
        other => done(other, ""),
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let mut router = Router::start(fake.pace());
    router.want_places([place(Transport::Tcp)].into());
    let answer = says(&mut router, |answer| answer.mapping == Mapping::Open).await;
    assert_eq!(answer.open, [parse("/ip4/8.8.4.4/tcp/4000")].into());
    *first.lock().unwrap() = false;
    let moved = BTreeSet::from([parse("/ip4/9.9.9.9/tcp/4000")]);
    says(&mut router, |answer| answer.open == moved).await;
}

#[tokio::test]
async fn a_router_that_answers_nonsense_is_none() {
    // Within the limit of bytes, and twenty times deeper than what a recursive reader could bear.
    let deep = "<a>".repeat(igd::ANSWER_MAX / 3);
    let wide = "<a></a>".repeat(igd::ANSWER_MAX / 7 + 1);
    let texts = [
        "",
        "no XML",
        "<root/>",
        "<Envelope><Body/></Envelope>",
        &deep,
        &wide,
    ];
    for text in texts.map(str::to_owned) {
        let said = text.clone();
        let answers = move |_: &str, _: &str| Some(said.clone());
        let fake = Fake::start(Arc::new(answers)).await;
        let mut pace = fake.pace();
        pace.limit = Duration::from_millis(200);
        let mut router = Router::start(pace);
        router.want_places(both());
        let answer = says(&mut router, |_| true).await;
        assert_eq!(answer.mapping, Mapping::NoRouter, "{text}");
        let described =
            move |action: &str, _: &str| (action != "description").then(|| text.clone());
        let fake = Fake::start(Arc::new(described)).await;
        let mut router = Router::start(fake.pace());
        router.want_places(both());
        says(&mut router, |answer| answer.mapping == Mapping::NoRouter).await;
        assert!(fake.count("GetExternalIPAddress") > 0, "it was found");
    }
}

#[tokio::test]
async fn a_router_that_never_answers_keeps_nobody() {
    let answers = |action: &str, _: &str| match action {
        "GetExternalIPAddress" => at("8.8.4.4"),
        _ => None,
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let mut pace = fake.pace();
    pace.limit = Duration::from_millis(300);
    let mut router = Router::start(pace);
    router.want_places(both());
    says(&mut router, |answer| answer.mapping == Mapping::Refused).await;
    timeout(Duration::from_secs(30), router.close())
        .await
        .expect("it ends")
        .unwrap();
}

#[tokio::test]
async fn a_router_that_takes_its_own_port_for_anothers_is_asked_for_the_same_again() {
    let open = Arc::new(Mutex::new(BTreeSet::new()));
    let answers = move |action: &str, body: &str| {
        let port = body
            .split_once("<NewExternalPort>")
            .map(|(_, rest)| rest.split('<').next().unwrap().to_owned());
        let mut open = open.lock().unwrap();
        match (action, port) {
            ("GetExternalIPAddress", _) => at("8.8.4.4"),
            ("description", _) => None,
            ("AddPortMapping", Some(port)) if !open.insert(port.clone()) => error(718),
            ("DeletePortMapping", Some(port)) => {
                open.remove(&port);
                done(action, "")
            }
            _ => done(action, ""),
        }
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let mut router = Router::start(fake.pace());
    router.want_places([place(Transport::Tcp)].into());
    let answer = says(&mut router, |answer| answer.mapping == Mapping::Open).await;
    assert_eq!(answer.open, [parse("/ip4/8.8.4.4/tcp/4000")].into());
    let renewed = async {
        while fake.count("AddPortMapping") < 7 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), renewed)
        .await
        .expect("it is asked again");
    assert_eq!(*router.answers.borrow(), answer);
}

/// What was asked for when the end came may have been opened.
#[tokio::test]
async fn a_port_that_was_asked_for_without_an_answer_is_closed_at_the_end() {
    let answers = |action: &str, _: &str| match action {
        "GetExternalIPAddress" => at("8.8.4.4"),
        "AddPortMapping" | "description" => None,
        other => done(other, ""),
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let router = Router::start(fake.pace());
    router.want_places([place(Transport::Tcp)].into());
    let asked = async {
        while fake.count("AddPortMapping") == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), asked)
        .await
        .expect("it is asked");
    router.close().await.unwrap();
    assert_eq!(fake.count("DeletePortMapping"), 1);
}

#[tokio::test]
async fn a_service_that_is_not_in_use_hides_no_other() {
    let answers = |action: &str, body: &str| match action {
        "description" => Some(DESCRIPTION.replace(
            "<service>",
            "<service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType>\
             <controlURL>/idle</controlURL></service><service>",
        )),
        _ if body.contains("WANPPPConnection") => at("0.0.0.0"),
        "GetExternalIPAddress" => at("8.8.4.4"),
        other => done(other, ""),
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let mut router = Router::start(fake.pace());
    router.want_places([place(Transport::Tcp)].into());
    says(&mut router, |answer| answer.mapping == Mapping::Open).await;
}

#[tokio::test]
async fn pauses_after_a_refusal_grow() {
    let answers = |action: &str, _: &str| match action {
        "GetExternalIPAddress" => at("8.8.4.4"),
        "AddPortMapping" => error(606),
        "description" => None,
        other => done(other, ""),
    };
    let fake = Fake::start(Arc::new(answers)).await;
    let mut router = Router::start(fake.pace());
    router.want_places([place(Transport::Tcp)].into());
    says(&mut router, |answer| answer.mapping == Mapping::Refused).await;
    // Searches take 0.3 s; with pauses of 0.1, 0.2, 0.4 and 0.8 s between them. Were the pauses all alike, it were asked
    // ten times.
    sleep(Duration::from_secs(4)).await;
    let asked = fake.count("AddPortMapping");
    assert!((2..=6).contains(&asked), "{asked}");
    // With another place, soon.
    router.want_places(both());
    let more = async {
        while fake.count("AddPortMapping") < asked + 4 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), more)
        .await
        .expect("it is asked again");
}
