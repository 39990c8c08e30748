//! Strict transport security: clients that know it keep to TLS.

use crate::io::ConnId;
use crate::limits::STS_SECONDS;
use crate::line::Line;
use crate::names::fold;
use crate::server::Server;

impl Server {
    /// How `sts` is listed for a connection. It tells, and nobody asks for it.
    pub(super) fn sts(&self, conn: ConnId) -> Option<String> {
        let sts = self.bridge.as_ref()?.sts.as_ref()?;
        let origin = &self.session(conn)?.origin;
        match &origin.tls {
            None => origin.sts_only.then(|| format!("sts=port={}", sts.port)),
            Some(tls) => {
                let name = fold(tls.sni.as_deref()?);
                let known = sts.names.iter().any(|of| fold(of) == name);
                known.then(|| format!("sts=duration={STS_SECONDS}"))
            }
        }
    }

    /// A line at the door that only says where TLS is; `false`: it is another door. What was sent before the answer is
    /// passed over, for it may be a password.
    pub(super) fn at_sts_door(&mut self, conn: ConnId, line: &Line) -> bool {
        let only = self
            .session(conn)
            .is_some_and(|session| session.origin.sts_only);
        if !only || line.command == "PASS" {
            return only;
        }
        let listed = self.sts(conn);
        let asks = line.command == "CAP"
            && line
                .param(0)
                .is_some_and(|verb| verb.eq_ignore_ascii_case("LS"));
        if let Some(listed) = listed.filter(|_| asks) {
            self.server_line(conn, "CAP", &["*", "LS", &listed]);
        }
        let port = self.bridge.as_ref().and_then(|bridge| bridge.sts.as_ref());
        let port = port.map_or(0, |sts| sts.port);
        self.end(conn, &format!("Connect with TLS, at port {port}"));
        true
    }
}
