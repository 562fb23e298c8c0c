//! Passthrough mode (§4.5, §4.12): its connection is made again as often as it breaks; and the link that is opened on power-up (§4.13).

use super::super::super::core::Core;
use super::links::{Link, type_of};
use super::receive::Buffer;
use super::system::setting;
use super::{Esp, Through, tick};

impl Esp {
    /// The connection of passthrough mode broke: it is tried again, until `+++`.
    pub(super) fn try_again(&mut self, core: &mut Core) {
        if let Some(Some(link)) = self.links.all.get_mut(0) {
            link.open = false;
        }
        self.links.broken = true;
        let interval = setting(core, "+CIPRECONNINTV", "interval").unwrap_or(1);
        core.timer(u64::try_from(interval).unwrap_or(1) * 100, (tick::RECONNECT, 0));
    }

    pub(super) fn reconnect(&mut self, core: &mut Core) {
        if self.through != Through::Link || !self.links.broken {
            return;
        }
        let id = core.id();
        if let Some(Some(link)) = self.links.all.get_mut(0) {
            link.id = id;
            self.connect(core, 0, None);
        }
    }

    /// `+++` ended passthrough mode: the connection may be gone meanwhile.
    pub(super) fn through_ended(&mut self, core: &mut Core) {
        if std::mem::take(&mut self.links.broken) {
            self.forget_link(core, 0);
            self.tell_closed(core, 0, None);
        }
    }

    /// `AT+SAVETRANSLINK`: passthrough begins once the network is there for the first time.
    pub(super) fn translink_soon(&mut self, core: &mut Core) {
        if self.booting
            && self.nvs.translink.is_some()
            && self.through == Through::Off
            && self.links.all.iter().all(Option::is_none)
        {
            self.booting = false;
            core.later(20, (tick::TRANSLINK, 0));
        }
    }

    pub(super) fn translink(&mut self, core: &mut Core) {
        let Some(saved) = self.nvs.translink.clone().filter(|_| self.pending.is_none()) else { return };
        let id = core.id();
        if let Some(slot) = self.links.all.get_mut(0) {
            *slot = Some(Link {
                id,
                open: false,
                transport: saved.transport,
                address: saved.host.clone(),
                host: saved.host,
                port: saved.port,
                local: saved.local.unwrap_or_else(|| core.rng.u16(49_152..)),
                server: false,
                mode: 0,
                changed: false,
                used: core.now(),
                buffer: Buffer::default(),
            });
        }
        core.set("cip.mode", 1);
        core.set("passthrough", 1);
        core.set_at("link", 0, 1);
        core.set_word("linktype", 0, type_of(saved.transport));
        self.through = Through::Link;
        core.online();
        self.connect(core, 0, saved.local);
    }
}
