//! Questions to a router (UPnP, the service WANIPConnection): found by SSDP, asked by SOAP over HTTP.
//!
//! Any machine of the local network can answer as if it were the router. What it sends is bounded and read without
//! recursion: the libraries for this read XML as deeply nested as it comes, and a hundred thousand opened elements end
//! the process. Nothing that it names but itself is asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use quick_xml::Reader;
use quick_xml::events::Event;
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{Instant, sleep_until};

/// Bytes of an answer; descriptions of routers have up to ten thousand.
pub(super) const ANSWER_MAX: usize = 64 * 1024;
/// Elements within elements; descriptions have ten.
pub(super) const DEPTH_MAX: usize = 32;
/// Bytes of a name or a text in it.
const TEXT_MAX: usize = 1_024;
/// Who answers a search, of whom each is asked who it is.
const ANSWERERS_MAX: usize = 8;
/// Descriptions that one of them is asked for, and services of one.
const OF_ONE_MAX: usize = 2;
const SERVICES_MAX: usize = 4;
/// How long others are waited for after the first.
const AFTER_FIRST: Duration = Duration::from_millis(300);
/// Bytes of an answer to a search.
const DATAGRAM_MAX: usize = 1_500;

/// The services of a router that opens ports.
const SERVICES: [&str; 3] = [
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("nobody answers as a router")]
    Nobody,
    #[error("{0:?} is no address of an HTTP service at the machine that names it")]
    Place(String),
    #[error("it can not be asked: {0}")]
    Http(String),
    #[error("its answer has more than {ANSWER_MAX} bytes, or is cut off: {0}")]
    Answer(String),
    #[error("its answer nests {DEPTH_MAX} elements, or has a text of {TEXT_MAX} bytes, and more")]
    Large,
    #[error("its answer is no XML: {0}")]
    Xml(#[from] quick_xml::Error),
    #[error("it describes no service that opens ports")]
    NoService,
    #[error("its answer lacks {0}")]
    Lacks(&'static str),
    #[error("it refuses with code {0}")]
    Code(u16),
}

/// A protocol whose port is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Udp,
    Tcp,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A router that says of itself that it opens ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gateway {
    /// The own address that it is asked from, and that it opens ports for.
    own: Ipv4Addr,
    pub(super) place: SocketAddr,
    path: String,
    service: &'static str,
}

/// Looks for routers from an own address, for so long at most, and briefly after the first. Only who answers from an
/// address that is `near` counts.
pub(super) async fn search(
    own: Ipv4Addr,
    search_at: SocketAddr,
    near: impl Fn(IpAddr) -> bool,
    limit: Duration,
) -> Result<Vec<Gateway>, Failure> {
    let mut until = Instant::now() + limit;
    let io = |error: std::io::Error| Failure::Http(error.to_string());
    // The own address names the network that is asked, where there are several.
    let socket = UdpSocket::bind((own, 0)).await.map_err(io)?;
    let question = format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {search_at}\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\n\
         ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
    );
    let sent = socket.send_to(question.as_bytes(), search_at).await;
    sent.map_err(io)?;
    let mut failure = Failure::Nobody;
    let mut found: Vec<Gateway> = Vec::new();
    let mut asked: Vec<(IpAddr, String)> = Vec::new();
    // One that is silent keeps nobody from the others.
    let mut descriptions = FuturesUnordered::new();
    let mut datagram = [0; DATAGRAM_MAX];
    loop {
        tokio::select! {
            // What came in time counts, however late it is looked at.
            biased;
            received = socket.recv_from(&mut datagram), if asked.len() < ANSWERERS_MAX => {
                let (bytes, from) = received.map_err(io)?;
                let from = from.ip();
                let text = String::from_utf8_lossy(&datagram[..bytes]);
                let Some(location) = location(&text).filter(|_| near(from)) else {
                    continue;
                };
                let said = asked.iter().filter(|(who, _)| *who == from);
                if said.count() < OF_ONE_MAX && !asked.iter().any(|(_, old)| *old == location) {
                    asked.push((from, location.clone()));
                    descriptions.push(described(own, location, from));
                }
            }
            Some(described) = descriptions.next() => match described {
                Ok(gateways) => {
                    found.extend(gateways);
                    until = until.min(Instant::now() + AFTER_FIRST);
                }
                Err(error) => failure = error,
            },
            () = sleep_until(until) => break,
        }
    }
    match found.is_empty() {
        true => Err(failure),
        false => Ok(found),
    }
}

/// What stands at the place that a machine named on itself.
async fn described(own: Ipv4Addr, location: String, from: IpAddr) -> Result<Vec<Gateway>, Failure> {
    let (place, path) = place_of(&location, from)?;
    let request = Request::get(path.as_str()).header(HOST, place.to_string());
    let request = request.body(Full::default());
    let request = request.map_err(|error| Failure::Http(error.to_string()))?;
    let description = exchange(own, place, request).await?;
    let (mut kind, mut control) = (String::new(), String::new());
    let mut base = location;
    let mut services = Vec::new();
    read(&description, |name, text| match name {
        "URLBase" if !text.is_empty() => text.clone_into(&mut base),
        "serviceType" => text.clone_into(&mut kind),
        "controlURL" => text.clone_into(&mut control),
        "service" => {
            let service = SERVICES.into_iter().find(|service| *service == kind);
            let control = std::mem::take(&mut control);
            services.extend(service.map(|service| (service, control)));
            kind.clear();
        }
        _ => {}
    })?;
    services.truncate(SERVICES_MAX);
    let gateway = |(service, control): (&'static str, String)| {
        let (place, path) = place_of(&joined(&base, &control), from)?;
        Ok::<_, Failure>(Gateway {
            own,
            place,
            path,
            service,
        })
    };
    let (gateways, refused): (Vec<_>, Vec<_>) =
        services.into_iter().map(gateway).partition(Result::is_ok);
    match refused.into_iter().next() {
        Some(refused) if gateways.is_empty() => refused.map(|gateway| vec![gateway]),
        _ if gateways.is_empty() => Err(Failure::NoService),
        _ => gateways.into_iter().collect(),
    }
}

/// The address that `path` means in a document at `base`.
fn joined(base: &str, path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
    let (host, inside) = rest.split_once('/').unwrap_or((rest, ""));
    let folder = match (path.starts_with('/'), inside.rsplit_once('/')) {
        (true, _) => String::new(),
        (false, Some((folder, _))) => format!("/{folder}/"),
        (false, None) => "/".to_owned(),
    };
    format!("{scheme}://{host}{folder}{path}")
}

impl Gateway {
    /// Its address outside; 0.0.0.0: it has none.
    pub(super) async fn outside(&self) -> Result<IpAddr, Failure> {
        let answer = self.ask("GetExternalIPAddress", "").await?;
        let ip = value_of(&answer, "NewExternalIPAddress")?;
        match ip.as_deref() {
            // So says a router that has none, and some that have none of the internet.
            Some("") => Ok(Ipv4Addr::UNSPECIFIED.into()),
            ip => ip
                .and_then(|ip| ip.parse().ok())
                .ok_or(Failure::Lacks("an address outside")),
        }
    }

    /// Lets connections to its `port` in to `here`, for so many seconds; 0: for ever.
    pub(super) async fn open(
        &self,
        protocol: Protocol,
        port: u16,
        here: SocketAddrV4,
        lease_s: u32,
        name: &str,
    ) -> Result<(), Failure> {
        let arguments = format!(
            "<NewRemoteHost></NewRemoteHost><NewExternalPort>{port}</NewExternalPort>\
             <NewProtocol>{}</NewProtocol><NewInternalPort>{}</NewInternalPort>\
             <NewInternalClient>{}</NewInternalClient><NewEnabled>1</NewEnabled>\
             <NewPortMappingDescription>{name}</NewPortMappingDescription>\
             <NewLeaseDuration>{lease_s}</NewLeaseDuration>",
            protocol.name(),
            here.port(),
            here.ip()
        );
        self.ask("AddPortMapping", &arguments).await.map(drop)
    }

    /// Lets them in no more.
    pub(super) async fn close(&self, protocol: Protocol, port: u16) -> Result<(), Failure> {
        let arguments = format!(
            "<NewRemoteHost></NewRemoteHost><NewExternalPort>{port}</NewExternalPort>\
             <NewProtocol>{}</NewProtocol>",
            protocol.name()
        );
        self.ask("DeletePortMapping", &arguments).await.map(drop)
    }

    async fn ask(&self, action: &'static str, arguments: &str) -> Result<String, Failure> {
        let service = self.service;
        let body = format!(
            "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
             <u:{action} xmlns:u=\"{service}\">{arguments}</u:{action}></s:Body></s:Envelope>\r\n"
        );
        let request = Request::post(self.path.as_str())
            .header(HOST, self.place.to_string())
            .header(CONTENT_TYPE, "text/xml; charset=\"utf-8\"")
            .header("SOAPAction", format!("\"{service}#{action}\""))
            .body(Full::from(body));
        let request = request.map_err(|error| Failure::Http(error.to_string()))?;
        let answer = exchange(self.own, self.place, request).await?;
        let mut done = false;
        let mut code = None;
        read(&answer, |name, text| {
            done |= name.strip_suffix("Response") == Some(action);
            if name == "errorCode" {
                code = text.trim().parse().ok();
            }
        })?;
        match (done, code) {
            (true, _) => Ok(answer),
            (false, Some(code)) => Err(Failure::Code(code)),
            (false, None) => Err(Failure::Lacks("what was asked")),
        }
    }
}

/// Where an answer to a search says that its description is.
fn location(answer: &str) -> Option<String> {
    answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("location")
            .then(|| value.trim().to_owned())
    })
}

/// The place and path of an HTTP address, which must be at the machine that named it.
fn place_of(address: &str, from: IpAddr) -> Result<(SocketAddr, String), Failure> {
    let refused = || Failure::Place(address.chars().take(100).collect());
    let uri = address.parse::<Uri>().ok().ok_or_else(refused)?;
    let host: Option<IpAddr> = uri.host().and_then(|host| host.parse().ok());
    if uri.scheme_str() != Some("http") || host != Some(from) {
        return Err(refused());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(((from, uri.port_u16().unwrap_or(80)).into(), path.to_owned()))
}

/// One request on a connection of its own; the answer's body.
async fn exchange(
    own: Ipv4Addr,
    place: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<String, Failure> {
    let http = |error: &dyn std::error::Error| Failure::Http(error.to_string());
    let socket = TcpSocket::new_v4().map_err(|error| http(&error))?;
    // Routers open ports for who asks alone, and the machine may have another address there.
    let bound = socket.bind((own, 0).into());
    bound.map_err(|error| http(&error))?;
    let stream = socket.connect(place).await;
    let stream = stream.map_err(|error| http(&error))?;
    let mut client = http1::Builder::new();
    // Some routers know the names of headers in this form alone.
    client.title_case_headers(true);
    let connected = client.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| http(&error))?;
    let asking = async {
        let answer = sender.send_request(request).await;
        let body = answer.map_err(|error| http(&error))?.into_body();
        let whole = Limited::new(body, ANSWER_MAX).collect().await;
        let whole = whole.map_err(|error| Failure::Answer(error.to_string()))?;
        Ok(String::from_utf8_lossy(&whole.to_bytes()).into_owned())
    };
    tokio::pin!(asking);
    tokio::select! {
        answer = &mut asking => return answer,
        // What it has sent before it went is there to be read.
        _ = connection => {}
    }
    asking.await
}

/// The text of the first element of this name.
fn value_of(xml: &str, name: &str) -> Result<Option<String>, Failure> {
    let mut found = None;
    read(xml, |of, text| {
        if of == name && found.is_none() {
            found = Some(text.to_owned());
        }
    })?;
    Ok(found)
}

/// Calls `each` with the name, without its prefix, and the text of every element, at its end.
fn read(xml: &str, mut each: impl FnMut(&str, &str)) -> Result<(), Failure> {
    let mut reader = Reader::from_str(xml);
    // As in addresses that somebody forgot to escape.
    reader.config_mut().allow_dangling_amp = true;
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                if open.len() == DEPTH_MAX || name.len() > TEXT_MAX {
                    return Err(Failure::Large);
                }
                open.push(name);
                text.clear();
            }
            Event::Empty(empty) => {
                each(&String::from_utf8_lossy(empty.local_name().as_ref()), "");
                text.clear();
            }
            Event::Text(part) => text.push_str(&String::from_utf8_lossy(&part)),
            Event::CData(part) => text.push_str(&String::from_utf8_lossy(&part)),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(letter)) => text.push(letter),
                _ => text.push_str(match &*name {
                    b"amp" => "&",
                    b"lt" => "<",
                    b"gt" => ">",
                    b"quot" => "\"",
                    b"apos" => "'",
                    _ => "",
                }),
            },
            Event::End(_) => {
                // The reader refuses an end without a beginning.
                let name = open.pop().unwrap_or_default();
                each(&name, text.trim());
                text.clear();
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        if text.len() > TEXT_MAX {
            return Err(Failure::Large);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_with_prefixes_entities_and_limits() {
        let mut seen = Vec::new();
        let xml = "<?xml version=\"1.0\"?><s:a><b> x&amp;y&#x2F;&z </b><!-- no --><u:c/><d><![CDATA[/e]]></d></s:a>";
        read(xml, |name, text| seen.push(format!("{name}={text}"))).unwrap();
        assert_eq!(seen, ["b=x&y/&z", "c=", "d=/e", "a="]);
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(&nested(DEPTH_MAX), |_, _| {}).is_ok());
        let deep = read(&nested(DEPTH_MAX + 1), |_, _| {}).unwrap_err();
        assert!(matches!(deep, Failure::Large), "{deep}");
        let long = |size: usize| format!("<a>{}</a>", "x".repeat(size));
        assert!(read(&long(TEXT_MAX), |_, _| {}).is_ok());
        let long = read(&long(TEXT_MAX + 1), |_, _| {}).unwrap_err();
        assert!(long.to_string().contains("1024"), "{long}");
        for broken in ["<a></b>", "</a>", "<a", "<a b='>"] {
            assert!(read(broken, |_, _| {}).is_err(), "{broken}");
        }
    }

    #[test]
    fn nothing_but_the_machine_that_answers_is_asked() {
        let router: IpAddr = "192.168.1.1".parse().unwrap();
        let (place, path) = place_of("http://192.168.1.1:5000/a.xml?b", router).unwrap();
        assert_eq!(
            (place.to_string(), path),
            ("192.168.1.1:5000".to_owned(), "/a.xml?b".to_owned())
        );
        assert_eq!(place_of("http://192.168.1.1", router).unwrap().0.port(), 80);
        for other in [
            "http://192.168.1.2/a.xml",
            "http://8.8.8.8/a.xml",
            "http://router.example/a.xml",
            "https://192.168.1.1/a.xml",
            "http://192.168.1.1@8.8.8.8/",
            "file:///etc/passwd",
            "/a.xml",
            "",
        ] {
            let refused = place_of(other, router).unwrap_err().to_string();
            assert!(refused.contains(other), "{refused}");
        }
    }

    #[test]
    fn the_address_of_a_service_is_relative_to_its_description() {
        let base = "http://192.168.1.1:5000/upnp/router.xml";
        for (path, whole) in [
            ("/ctl", "http://192.168.1.1:5000/ctl"),
            ("ctl", "http://192.168.1.1:5000/upnp/ctl"),
            ("http://192.168.1.1/ctl", "http://192.168.1.1/ctl"),
        ] {
            assert_eq!(joined(base, path), whole);
        }
        assert_eq!(
            joined("http://192.168.1.1", "ctl"),
            "http://192.168.1.1/ctl"
        );
    }

    #[test]
    fn the_place_of_a_description_is_found_in_any_spelling() {
        let answer = "HTTP/1.1 200 OK\r\nST: x\r\nlocation:  http://192.168.1.1/a \r\n\r\n";
        assert_eq!(location(answer).as_deref(), Some("http://192.168.1.1/a"));
        assert_eq!(location("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
