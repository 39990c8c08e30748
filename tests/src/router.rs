//! A box's own program that opens ports when it is asked (UPnP): miniupnpd, as many home routers run it.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::program::end;
use crate::{Host, eventually};

/// Whether it does what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// It opens every port from 1024 on.
    Ports,
    /// It opens none.
    Nothing,
}

/// The process. Dropped: it is killed.
#[derive(Debug)]
pub struct Router {
    child: Option<Child>,
    gateway: Host,
    log: PathBuf,
}

impl Router {
    /// Starts it on the box before a machine. `taken`: TCP and UDP ports that another machine there has opened.
    ///
    /// `None`: miniupnpd is not installed.
    ///
    /// # Panics
    /// When it does not come up, or the machine is behind no box.
    #[must_use]
    pub fn start(host: &Host, folder: &Path, grants: Grants, taken: &[u16]) -> Option<Self> {
        let gateway = host.gateway();
        gateway.rules(
            "table inet upnp {
                chain through {
                    type filter hook forward priority 10; policy accept;
                    jump asked
                }
                chain asked { }
                chain in {
                    type nat hook prerouting priority -100;
                    iifname \"wan\" jump mapped
                }
                chain mapped { }
                chain out {
                    type nat hook postrouting priority 90;
                    jump hairpin
                }
                chain hairpin { }
            }",
        );
        let leases: String = taken
            .iter()
            .flat_map(|port| ["TCP", "UDP"].map(|protocol| (protocol, port)))
            .map(|(protocol, port)| format!("{protocol}:{port}:192.168.7.9:{port}:0:another\n"))
            .collect();
        let (file, lease_file) = (folder.join("miniupnpd.conf"), folder.join("leases"));
        std::fs::write(&lease_file, leases).expect("written");
        let allow = match grants {
            Grants::Ports => "allow 1024-65535 192.168.7.0/24 1024-65535\n",
            Grants::Nothing => "",
        };
        let settings = format!(
            "ext_ifname=wan\nlistening_ip=lan\nhttp_port=0\nenable_natpmp=no\nenable_upnp=yes\nsecure_mode=yes\n\
             lease_file={leases}\nuuid=19e372ea-b546-41a6-a3db-7fac1b1ceab4\nupnp_table_name=upnp\n\
             upnp_nat_table_name=upnp\nupnp_forward_chain=asked\nupnp_nat_chain=mapped\n\
             upnp_nat_postrouting_chain=hairpin\n{allow}deny 0-65535 0.0.0.0/0 0-65535\n",
            leases = lease_file.display(),
        );
        std::fs::write(&file, settings).expect("written");
        let log = folder.join("miniupnpd.log");
        let writes = std::fs::File::create(&log).expect("made");
        let installed = std::process::Command::new("miniupnpd")
            .arg("--version")
            .output();
        installed.ok()?;
        let child = gateway
            .command("miniupnpd")
            .args(["-d", "-f"])
            .arg(&file)
            .arg("-P")
            .arg(folder.join("miniupnpd.pid"))
            .stdout(Stdio::from(writes.try_clone().expect("a second handle")))
            .stderr(Stdio::from(writes))
            .spawn()
            .expect("it can be started");
        let router = Self {
            child: Some(child),
            gateway,
            log,
        };
        eventually("miniupnpd listens", || {
            router
                .log()
                .contains("HTTP listening on port")
                .then_some(())
        });
        Some(router)
    }

    /// The ports that it has opened, as its rules in the kernel name them.
    #[must_use]
    pub fn open(&self) -> Vec<String> {
        let listed = self.gateway.listed("chain inet upnp mapped");
        let rules = listed.lines().filter(|line| line.contains("dnat"));
        rules.map(|rule| rule.trim().to_owned()).collect()
    }

    /// How often it was asked to open a port.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.log().matches("AddPortMapping").count()
    }

    /// What it logged.
    ///
    /// # Panics
    /// When it can not be read.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).expect("it has a log");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Ends it, as a router ends that is switched off: its rules are lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
        self.gateway.rules("delete table inet upnp");
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}
